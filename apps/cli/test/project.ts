import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export const cliDirectory = resolve(import.meta.dirname, '..')
const program = join(cliDirectory, 'bin/errand.js')
const pseudoTerminal = join(import.meta.dirname, 'pseudo-terminal.py')

export interface Finished {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Started {
  readonly finished: Promise<Finished>
  /** Resolves when this text has been written to stdout. */
  says(text: string): Promise<void>
  interrupt(): void
  /** Ends it without a chance to tidy up. */
  kill(): void
  /** Stops it where it is, as a machine that is put to sleep does, until `wake`. */
  sleep(): void
  wake(): void
}

interface StartOptions {
  readonly input?: string | Buffer
  readonly environment?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** The user that runs it, where this one may choose. */
  readonly uid?: number
}

/** A project in a temporary folder, and the command line in it as its users start it. Nothing of the user's own folders is touched. */
export interface TemporaryProject extends Disposable {
  readonly directory: string
  readonly parent: string
  write(path: string, text: string): void
  read(path: string): string
  has(path: string): boolean
  errand(...words: readonly string[]): Promise<Finished>
  errandWith(options: StartOptions, ...words: readonly string[]): Promise<Finished>
  start(...words: readonly string[]): Started
  startWith(options: StartOptions, ...words: readonly string[]): Started
  /** In a terminal 80 columns wide: all it shows, in one. `typed` is typed once `after` can be read on it. */
  inTerminal(
    typing: { readonly after?: string; readonly typed?: string; readonly environment?: NodeJS.ProcessEnv },
    ...words: readonly string[]
  ): Promise<Finished>
  /** Any command in a terminal, as the two above. */
  inTerminalOf(
    command: readonly string[],
    environment: NodeJS.ProcessEnv,
    typing: readonly { readonly after: string; readonly typed: string }[],
  ): Promise<Finished>
  /** The same with several answers, in their order. */
  inTerminalTyping(typing: readonly { readonly after: string; readonly typed: string }[], ...words: readonly string[]): Promise<Finished>
}

const standardFiles = {
  'aml_config/local.compute': 'type: local\n',
  'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\n',
}

export function temporaryProject(files: Readonly<Record<string, string>> = standardFiles): TemporaryProject {
  const parent = mkdtempSync(join(tmpdir(), 'errand-cli-'))
  const directory = join(parent, 'iris')
  mkdirSync(directory)
  const variables: NodeJS.ProcessEnv = {
    ...process.env,
    ERRAND_HOME: join(parent, 'home'),
    ERRAND_CONFIG: join(parent, 'config'),
    ERRAND_KEYCHAIN: 'off',
    XDG_DATA_HOME: join(parent, 'data'),
    XDG_CONFIG_HOME: join(parent, 'config'),
    XDG_CACHE_HOME: join(tmpdir(), 'errand-cli-test-cache'),
    NO_COLOR: undefined,
    FORCE_COLOR: undefined,
    CI: undefined,
    NODE_ENV: undefined,
    ERRAND_TARGETS: undefined,
  }
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  for (const [path, text] of Object.entries(files)) write(path, text)
  const start = (command: readonly string[], { input, environment, cwd, uid }: StartOptions = {}): Started =>
    startProcess(
      command,
      { cwd: cwd ?? directory, env: { ...variables, ...environment }, ...(uid === undefined ? {} : { uid, gid: uid }) },
      input,
    )
  const errandWith = (options: StartOptions, ...words: readonly string[]): Promise<Finished> =>
    start([process.execPath, program, ...words], options).finished
  const inTerminalOf: TemporaryProject['inTerminalOf'] = (command, environment, typing) => {
    const answers = JSON.stringify(typing.map(({ after, typed }) => [after, typed]))
    return start(['python3', pseudoTerminal, answers, ...command], { environment: { TERM: 'xterm', ...environment } }).finished
  }
  const inTerminal = (
    typing: readonly { readonly after: string; readonly typed: string }[],
    environment: NodeJS.ProcessEnv,
    words: readonly string[],
  ): Promise<Finished> => inTerminalOf([process.execPath, program, ...words], environment, typing)
  return {
    directory,
    parent,
    write,
    read: (path) => readFileSync(join(directory, path), 'utf8'),
    has: (path) => existsSync(join(directory, path)),
    errand: (...words) => errandWith({}, ...words),
    errandWith,
    start: (...words) => start([process.execPath, program, ...words]),
    startWith: (options, ...words) => start([process.execPath, program, ...words], options),
    inTerminal: ({ after = '', typed = '', environment = {} }, ...words) =>
      inTerminal(typed === '' ? [] : [{ after, typed }], environment, words),
    inTerminalOf,
    inTerminalTyping: (typing, ...words) => inTerminal(typing, {}, words),
    [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function startProcess(
  [command = '', ...words]: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number },
  input?: string | Buffer,
): Started {
  const child = spawn(command, words, { ...options, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  child.stdin?.end(input)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const finished = new Promise<Finished>((done, failed) => {
    child.once('error', failed)
    child.once('close', (exitCode) => done({ exitCode, stdout, stderr }))
  })
  const says = async (text: string): Promise<void> => {
    while (!stdout.includes(text)) {
      // Its last words may come behind its exit code.
      if (child.exitCode !== null) await finished
      if (child.exitCode !== null && !stdout.includes(text)) throw new Error(`it ended without saying ${text}:\n${stdout}\n${stderr}`)
      await delay(20)
    }
  }
  return {
    finished,
    says,
    interrupt: () => void child.kill('SIGINT'),
    kill: () => void child.kill('SIGKILL'),
    sleep: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
  }
}

/** The id in the line `RunId: …`, found as old batch files find it: the second word. */
export function runIdOf({ stdout, stderr }: Finished): string {
  const id = stdout
    .split('\n')
    .find((line) => line.includes('RunId'))
    ?.split(' ')[1]
  if (id === undefined) throw new Error(`no RunId in\n${stdout}\n${stderr}`)
  return id
}

/**
 * Packages for `ERRAND_TARGETS` that bring these types: each runs what the type `local` runs, so that the command line meets
 * installed targets of every name. `local` itself is left alone.
 */
export function standInTargets(folder: string, types: readonly string[]): string {
  const local = join(cliDirectory, 'node_modules/@errand/target-local/dist/target.js')
  for (const type of types) {
    const directory = join(folder, type)
    mkdirSync(directory, { recursive: true })
    const metadata = { name: `stand-in-${type}`, version: '1.0.0', type: 'module', errand: { targets: { [type]: './target.js' } } }
    writeFileSync(join(directory, 'package.json'), JSON.stringify(metadata))
    const definition = `{ ...local, type: '${type}', capabilities: { environments: ['user-managed', 'conda'], frameworks: ['python', 'pyspark'], logs: 'live' } }`
    writeFileSync(join(directory, 'target.js'), `import local from ${JSON.stringify(local)}\nexport default ${definition}\n`)
  }
  return folder
}
