import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The command line as its users start it, and projects for it in temporary folders. */

export const repository = resolve(import.meta.dirname, '..')
const program = join(repository, 'apps/cli/bin/errand.js')

export interface Finished {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Project extends Disposable {
  readonly directory: string
  /** Where the runs of this test live: its own `ERRAND_HOME`. */
  readonly home: string
  readonly environment: NodeJS.ProcessEnv
  errand(...parameters: readonly string[]): Promise<Finished>
  /** Starts without waiting; `finished` tells the end. */
  start(...parameters: readonly string[]): {
    readonly pid: number
    readonly finished: Promise<Finished>
    /** What it has printed so far. */
    stdout(): string
    kill(signal: NodeJS.Signals): void
  }
  write(path: string, text: string): void
}

/** A project with these files and, unless they say otherwise, a run configuration `local` of Framework Python. */
export function makeProject(files: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}): Project {
  const parent = mkdtempSync(join(tmpdir(), 'errand-test-'))
  const directory = join(parent, 'project')
  const home = join(parent, 'home')
  const variables = {
    ...process.env,
    ERRAND_HOME: home,
    ERRAND_CONFIG: join(parent, 'config'),
    ERRAND_KEYCHAIN: 'off',
    NO_COLOR: '1',
    ...environment,
  }
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  const standard = {
    'aml_config/local.compute': 'type: local\n',
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\n',
  }
  for (const [path, text] of Object.entries({ ...standard, ...files })) write(path, text)
  const start = (...parameters: readonly string[]) => startProcess(process.execPath, [program, ...parameters], directory, variables)
  return {
    directory,
    home,
    environment: variables,
    start,
    errand: (...parameters) => start(...parameters).finished,
    write,
    [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true, maxRetries: 5 }),
  }
}

export function startProcess(
  command: string,
  parameters: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): ReturnType<Project['start']> {
  const child = spawn(command, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const finished = new Promise<Finished>((done, failed) => {
    child.once('error', failed)
    child.once('close', (exitCode, signal) => done({ exitCode, signal, stdout, stderr }))
  })
  return { pid: child.pid ?? 0, finished, stdout: () => stdout, kill: (signal) => void child.kill(signal) }
}

/** The id in the line `RunId: …`, found as old batch files find it: the second word. */
export function runIdOf({ stdout, stderr }: Finished): string {
  const line = stdout.split('\n').find((text) => text.includes('RunId'))
  const id = line?.split(' ')[1]
  if (id === undefined) throw new Error(`no RunId in\n${stdout}\n${stderr}`)
  return id
}

/** What the script printed: between the heading of a submit and its closing block. */
export function scriptOutput({ stdout }: Finished): string {
  const [, after = ''] = stdout.split('===========================\n\n')
  return after.split('\nExecution Details\n')[0] ?? ''
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, seconds = 240): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`)
    await sleep(50)
  }
}
