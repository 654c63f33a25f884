import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DelayLine } from './delay-line.ts'
import { run } from './run-program.ts'
import { type AccountSettings, type TestAccount, bringAccount, bringOpenSsh } from './test-account.ts'

export interface SshdSettings {
  /** More lines of sshd_config; they go before ours, and the first one counts. */
  readonly lines?: readonly string[]
  /** Login shell of the account: each shell has an account of its own. */
  readonly shell?: 'bash' | 'tcsh' | 'fish'
  /** What its user may do: each kind has an account of its own. */
  readonly may?: AccountSettings['may']
  /** Host keys that the server has. */
  readonly hostKeys?: readonly ('ed25519' | 'ecdsa' | 'rsa')[]
  /** Private host key files of another server, to be the same machine again. */
  readonly hostKeyFiles?: readonly string[]
  readonly port?: number
  /** A network that the server is in; this machine's own when absent. */
  readonly network?: Pick<DelayLine, 'address' | 'enter'>
}

export interface TestKey {
  readonly file: string
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicLine: string
  readonly fingerprint: string
  readonly passphrase?: string
}

/** A real OpenSSH server with keys and configuration of its own. */
export interface Sshd extends AsyncDisposable {
  /** 127.0.0.1, or that of the network that it is in. */
  readonly address: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly home: string
  /** In the account's authorized keys. */
  readonly key: TestKey
  readonly encryptedKey: TestKey
  readonly hostKeys: readonly TestKey[]
  /** A folder that goes with the server. */
  readonly directory: string
  /** What the server has written to its log. */
  log(): string
  /** Cuts all connections, as a machine that goes down does. */
  cut(): void
  stop(): Promise<void>
}

/** Why no server can be started here; undefined when one can. In CI it throws instead: there the tests must run. */
export function sshdProblem(): string | undefined {
  const problem =
    process.platform !== 'linux'
      ? 'needs Linux'
      : process.getuid?.() !== 0
        ? 'needs root to run an sshd that logs another account in'
        : existsSync('/usr/sbin/sshd') || existsSync('/usr/bin/apt-get')
          ? undefined
          : 'needs openssh-server'
  if (problem !== undefined && process.env['CI'] === 'true') throw new Error(`The tests with a real sshd can't run: ${problem}`)
  return problem
}

/** Makes an ed25519 key pair (or one of another type) with ssh-keygen. */
export function makeTestKey(
  directory: string,
  name: string,
  options: { readonly type?: string; readonly passphrase?: string } = {},
): TestKey {
  const file = join(directory, name)
  const { type = 'ed25519', passphrase = '' } = options
  run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', `errand test ${name}`, '-f', file])
  const fingerprint = run('ssh-keygen', ['-lf', `${file}.pub`]).split(' ')[1] ?? ''
  const publicLine = readFileSync(`${file}.pub`, 'utf8').trim()
  return { file, publicLine, fingerprint, ...(passphrase === '' ? {} : { passphrase }) }
}

/** Starts a server and waits until it answers. Ends with `stop` or `await using`. */
export async function startSshd(settings: SshdSettings = {}): Promise<Sshd> {
  bringOpenSsh()
  const account = bringAccount(settings)
  const directory = mkdtempSync(join(tmpdir(), 'errand-sshd-'))
  chmodSync(directory, 0o755)
  const key = makeTestKey(directory, 'key')
  const encryptedKey = makeTestKey(directory, 'encrypted', { passphrase: 'open sesame' })
  writeFileSync(join(directory, 'authorized_keys'), `${key.publicLine}\n${encryptedKey.publicLine}\n`)
  const hostKeys =
    settings.hostKeyFiles === undefined
      ? (settings.hostKeys ?? ['ed25519']).map((type) => makeTestKey(directory, `host_${type}`, { type }))
      : []
  const port = settings.port ?? (await freePort())
  const configuration = join(directory, 'sshd_config')
  const hostKeyFiles = settings.hostKeyFiles ?? hostKeys.map(({ file }) => file)
  writeFileSync(configuration, configurationOf({ settings, directory, port, account, hostKeyFiles }))
  const { address, enter } = settings.network ?? { address: '127.0.0.1', enter: [] }
  const server = await launch(configuration, `${address} port ${port}`, enter)
  const stop = async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  const { user, password, home } = account
  const shared = { address, port, user, password, home, key, encryptedKey, hostKeys, directory }
  return { ...shared, log: server.log, cut: server.cut, stop, [Symbol.asyncDispose]: stop }
}

interface Configuration {
  readonly settings: SshdSettings
  readonly directory: string
  readonly port: number
  readonly account: TestAccount
  readonly hostKeyFiles: readonly string[]
}

function configurationOf({ settings, directory, port, account, hostKeyFiles }: Configuration): string {
  return [
    ...(settings.lines ?? []),
    `Port ${port}`,
    `ListenAddress ${settings.network?.address ?? '127.0.0.1'}`,
    ...hostKeyFiles.map((file) => `HostKey ${file}`),
    `PidFile ${directory}/sshd.pid`,
    `AuthorizedKeysFile ${directory}/authorized_keys`,
    `AllowUsers ${account.user}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication yes',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    'MaxStartups 100',
    'LogLevel VERBOSE',
    '',
  ].join('\n')
}

/** Ends the server with us, however we end: then our end of its standard input is closed. */
const guard =
  '/usr/sbin/sshd -D -e -f "$1" </dev/null & server=$!; echo "guarded server $server" >&2; read -r _; kill "$server"; wait "$server"'

async function launch(configuration: string, listens: string, enter: readonly string[]) {
  mkdirSync('/run/sshd', { recursive: true })
  const [program, ...parameters] = [...enter, '/bin/sh', '-c', guard, 'sh', configuration]
  const child = spawn(program, parameters, { stdio: ['pipe', 'ignore', 'pipe'] })
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', () => text.includes(`Server listening on ${listens}`) && resolve())
    child.once('exit', () => reject(new Error(`sshd did not start: ${text}`)))
  })
  await listening
  const pid = Number(/guarded server (\d+)/.exec(text)?.[1])
  const cut = () => {
    for (const connection of childrenOf(pid)) kill(connection)
  }
  const stop = async () => {
    // The connections first: they are found through the server.
    cut()
    child.stdin?.end('\n')
    child.stderr?.destroy()
    await ended
  }
  return { log: () => text, cut, stop }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
