import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ErrandError, type TargetContext, errorCode } from '@errand/core'
import type { Sshd } from '@errand/testkit/servers'
import { afterAll } from 'vitest'
import { type SshHost, type SshOptions, openSshHost } from '../src/index.ts'

type Question = Parameters<TargetContext<unknown>['ask']>[0]

/** A user at a terminal who gives these answers one after the other; without any, there is no terminal. */
export interface TestUser {
  readonly ask: SshOptions['ask']
  readonly questions: string[]
}

export function testUser(...answers: readonly string[]): TestUser {
  const left = [...answers]
  const questions: string[] = []
  return {
    questions,
    async ask({ kind, text, withoutTerminal }: Question) {
      questions.push(`${kind}: ${text}`)
      const answer = left.shift()
      if (answer === undefined) throw new ErrandError('NO_TERMINAL', 'There is no terminal to ask.', { hint: withoutTerminal.hint })
      return answer
    },
  }
}

export const neverAborted = (): AbortSignal => new AbortController().signal

const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes when the tests of the file have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-ssh-'))
  folders.push(folder)
  return folder
}

/** Options that touch nothing of the user who runs the tests: key login, the server's key accepted, empty home. */
export function testOptions(server: Pick<Sshd, 'user' | 'key' | 'hostKeys'>, port: number, changes: Partial<SshOptions> = {}): SshOptions {
  const home = temporaryFolder()
  return {
    destination: { address: `127.0.0.1:${port}`, username: server.user, keyFiles: [server.key.file] },
    stateDirectory: temporaryFolder(),
    secret: async () => undefined,
    ask: testUser().ask,
    log: { debug() {}, info() {}, warn() {} },
    acceptHostKey: server.hostKeys.map(({ fingerprint }) => fingerprint).join(' '),
    signal: neverAborted(),
    environment: { HOME: home },
    configFile: join(home, 'ssh_config'),
    knownHostsFiles: [],
    ...changes,
  }
}

export function openTestHost(server: Sshd, changes: Partial<SshOptions> = {}): Promise<SshHost> {
  return openSshHost(testOptions(server, server.port, changes))
}

/** The code and the sentence of the error that a promise ends with. */
export async function refusalOf(
  promise: Promise<unknown>,
): Promise<{ readonly code: string; readonly message: string; readonly hint: string }> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ErrandError)) throw new Error('It should have been refused with an ErrandError.', { cause: error })
  return { code: error.code, message: error.message, hint: error.hint ?? '' }
}

/** Bytes of a process's output as text. */
export async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** All that comes up to the end of a line, in however many pieces. */
export async function lineOf(output: AsyncIterator<Buffer>): Promise<string> {
  let text = ''
  while (!text.endsWith('\n')) {
    const { value, done } = await output.next()
    if (done === true) break
    text += value.toString()
  }
  return text
}

/** The first answer after a cut: the call that meets the broken line fails, whatever the time it takes to notice. */
export async function answerAfterCut(host: SshHost): Promise<number | undefined> {
  for (;;) {
    try {
      return (await host.run(['true'], { signal: neverAborted() })).exitCode
    } catch (error) {
      if (errorCode(error) !== 'CONNECTION_LOST') throw error
    }
  }
}
