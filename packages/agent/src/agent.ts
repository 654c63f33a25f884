import { ErrandError, type Host, errorCode } from '@errand/core'
import { type AgentFiles, readAgentFiles } from './agent-files.ts'
import { type Answer, type CallParameters, type CallSettings, type Connection, type Hello, openConnection } from './connection.ts'
import { isRepeatable, repeatWhileLost, unlessAborted } from './repeated-call.ts'

/** What an agent needs of the machine, or container, that it runs on. */
export type AgentHost = Pick<Host, 'name' | 'home' | 'run' | 'spawn'>

/** Where an agent is wanted. */
export interface AgentPlace {
  readonly host: AgentHost
  /** Interpreters to try, best first: paths or names looked up on the place's PATH. */
  readonly pythons: readonly string[]
  /** Folder of everything errand keeps there. Absent: `.errand` in the host's home. */
  readonly home?: string
  readonly signal: AbortSignal
  /** The agent itself, for whoever has read it already. */
  readonly files?: AgentFiles
  /** Leave the place as it is: an agent that is not there is the error `AGENT_MISSING` and not sent. */
  readonly lookOnly?: boolean
  /** Told in one sentence what takes a moment (sending the agent for the first time). */
  report?(message: string): void
}

/** The events of a run that is being started, and at its end the list of its files. */
export interface Ahead {
  /** Of which files the list will be. */
  readonly include: readonly string[]
  /** Taken away by the first reader. */
  parts?: AsyncIterable<Answer>
  /** Gives up the parts. */
  stop(reason: unknown): void
  listing?: object
}

/** The agent at one place. A connection that was lost is made again, and calls that are safe to repeat are repeated over the new one. */
export interface Agent extends AsyncDisposable {
  readonly hello: Hello
  readonly host: AgentHost
  /** By run: what was asked for before anybody wanted it, to save the way there and back. Absent: this agent is only asked in its turn. */
  readonly ahead?: Map<string, Ahead>
  /** Runs that had a head start: their place has no list of their files from an earlier run, or has no use for it. */
  readonly begun?: Set<string>
  call(name: string, parameters: CallParameters, settings: CallSettings): Promise<Answer>
}

/**
 * Starts the agent at a place with the first interpreter that can, and sends it before that if this version was never there.
 * Errors: `PYTHON_NOT_FOUND`, `PYTHON_TOO_OLD`, `AGENT_NOT_STARTED`; with `lookOnly` also `AGENT_MISSING`.
 */
export async function openAgent(place: AgentPlace): Promise<Agent> {
  const files = place.files ?? readAgentFiles()
  const closing = new AbortController()
  let connection = await repeatWhileLost(() => firstThatStarts(place, files), place.signal)
  const python = connection.hello.python.executable
  let starting: Promise<Connection> | undefined
  /** One new agent for all calls that wait for it; an abort gives up one call's waiting. */
  async function alive(signal: AbortSignal): Promise<Connection> {
    if (connection.alive) return connection
    closing.signal.throwIfAborted()
    starting ??= startAgain().finally(() => (starting = undefined))
    return unlessAborted(starting, signal)
  }
  async function startAgain(): Promise<Connection> {
    connection = await start({ ...place, signal: AbortSignal.any([place.signal, closing.signal]) }, files, python)
    return connection
  }
  return {
    hello: connection.hello,
    host: place.host,
    ahead: new Map(),
    begun: new Set(),
    call(name, parameters, settings) {
      const once = async () => (await alive(settings.signal)).call(name, parameters, settings)
      return isRepeatable(name, settings) ? repeatWhileLost(once, settings.signal) : once()
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new ErrandError('AGENT_CLOSED', `The connection to errand's agent on ${place.host.name} was closed.`))
      await starting?.catch(() => undefined)
      await connection[Symbol.asyncDispose]()
    },
  }
}

async function firstThatStarts(place: AgentPlace, files: AgentFiles): Promise<Connection> {
  const failures: unknown[] = []
  for (const python of place.pythons) {
    try {
      return await start(place, files, python)
    } catch (error) {
      if (!canTryAnother(error)) throw error
      failures.push(error)
    }
  }
  throw failures.find((error) => errorCode(error) === 'PYTHON_TOO_OLD') ?? failures[0]
}

function canTryAnother(error: unknown): boolean {
  return ['PYTHON_NOT_FOUND', 'PYTHON_TOO_OLD'].includes(errorCode(error) ?? '')
}

async function start(place: AgentPlace, files: AgentFiles, python: string): Promise<Connection> {
  try {
    return await launch(place, files, python)
  } catch (error) {
    if (errorCode(error) !== 'AGENT_MISSING' || place.lookOnly === true) throw error
    place.report?.(`sending errand's agent to ${place.host.name}`)
    await install(place, files, python)
    return launch(place, files, python)
  }
}

function homeOf(place: AgentPlace): string {
  return place.home ?? `${place.host.home}/.errand`
}

function folderOf(place: AgentPlace, files: AgentFiles): string {
  return `${homeOf(place)}/agent/${files.hash}`
}

async function launch(place: AgentPlace, files: AgentFiles, python: string): Promise<Connection> {
  const command = [
    python,
    '-E',
    '-s',
    '-S',
    `${folderOf(place, files)}/errand_agent_main.py`,
    'serve',
    ...(place.lookOnly === true ? ['--look'] : []),
  ]
  // The process outlives the call that started it, so the caller's signal does not end it.
  const options = { signal: new AbortController().signal, env: { ERRAND_HOME: homeOf(place) }, ahead: place.lookOnly !== true }
  place.signal.throwIfAborted()
  const child = await place.host.spawn(command, options).catch((cause: unknown) => {
    throw errorCode(cause) === 'COMMAND_NOT_STARTED' ? notFound(place, python, cause) : cause
  })
  const abort = () => void child.kill('SIGKILL')
  place.signal.addEventListener('abort', abort, { once: true })
  if (place.signal.aborted) abort()
  try {
    return await openConnection(child, place.host.name)
  } catch (error) {
    place.signal.throwIfAborted()
    throw explain(place, python, error)
  } finally {
    place.signal.removeEventListener('abort', abort)
  }
}

/** Tells from the exit and the text of the interpreter why no agent answered. */
function explain(place: AgentPlace, python: string, error: unknown): unknown {
  if (errorCode(error) !== 'AGENT_NOT_STARTED' || !(error instanceof Error)) return error
  const { exitCode, signal, stderr } = error.cause as { exitCode?: number; signal?: string; stderr: string }
  // An engine may say on this stream why it was.
  if (exitCode === undefined && signal === undefined) return cutOff(place, stderr, error)
  const tooOld = /ERRAND_AGENT_PYTHON_TOO_OLD (\S+)/.exec(stderr)
  if (tooOld)
    return new ErrandError('PYTHON_TOO_OLD', `${python} on ${place.host.name} is Python ${tooOld[1]}; errand needs 3.5 or newer.`, {
      hint: 'Name a newer interpreter with pythonLocation in the .compute file.',
    })
  if (stderr.includes("can't open file")) return new ErrandError('AGENT_MISSING', `Errand's agent is not on ${place.host.name} yet.`)
  if (exitCode === 127 || exitCode === 126 || /pyenv: .*: command not found/.test(stderr)) return notFound(place, python, error)
  const last = stderr.trim().split('\n').at(-1)
  return new ErrandError('AGENT_NOT_STARTED', `${python} on ${place.host.name} could not run errand's agent${last ? `: ${last}` : '.'}`, {
    cause: error,
  })
}

/** Whoever waits for a lost place asks again. */
function cutOff({ host }: AgentPlace, stderr: string, cause?: unknown): ErrandError {
  const last = stderr.trim().split('\n').at(-1)
  return new ErrandError(
    'CONNECTION_LOST',
    `The way to ${host.name} was cut before errand's agent there had answered${last ? `: ${last}` : '.'}`,
    {
      hint: 'Ask again: errand status last',
      cause,
    },
  )
}

function notFound(place: AgentPlace, python: string, cause: unknown): ErrandError {
  return new ErrandError('PYTHON_NOT_FOUND', `There is no Python called ${python} on ${place.host.name}.`, {
    hint: 'Install Python 3, or name an interpreter with pythonLocation in the .compute file.',
    cause,
  })
}

/** Reads `{path: text}` from standard input and makes the folder named by its argument in one step: a rename that a second installer loses.
 * The folder of all that errand keeps there is for its user alone: logs and files of runs may hold anything. */
const unpack = `
import io, json, os, shutil, sys, tempfile
os.umask(0o077)
target = sys.argv[1]
files = json.loads(sys.stdin.buffer.read().decode("utf-8"))
parent = os.path.dirname(target)
if not os.path.isdir(parent):
    os.makedirs(parent, exist_ok=True)
building = tempfile.mkdtemp(prefix=".building-", dir=parent)
for name in files:
    path = os.path.join(building, *name.split("/"))
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with io.open(path, "w", encoding="utf-8", newline="") as file:
        file.write(files[name])
try:
    os.rename(building, target)
except OSError:
    if not os.path.isdir(target):
        raise
    shutil.rmtree(building)
`

async function install(place: AgentPlace, files: AgentFiles, python: string): Promise<void> {
  const command = [python, '-E', '-s', '-S', '-c', unpack, folderOf(place, files)]
  const { exitCode, signal, stderr } = await place.host.run(command, { signal: place.signal, input: JSON.stringify(files.files) })
  if (exitCode === 0) return
  if (exitCode === undefined && signal === undefined) throw cutOff(place, stderr.toString('utf8'))
  const last = stderr.toString('utf8').trim().split('\n').at(-1) ?? ''
  throw new ErrandError('AGENT_NOT_INSTALLED', `Errand's agent could not be stored in ${homeOf(place)} on ${place.host.name}: ${last}`, {
    hint: 'Free space there, or make the folder writable.',
  })
}
