import { missingFiles, openAgent } from '@errand/agent'
import { type CallOptions, type EnvironmentRequest, ErrandError, type Plan, type RunRequest, errorCode } from '@errand/core'
import { askPython } from './interpreter.ts'
import type { ProcessPlace } from './process-place.ts'
import { environmentPlace, keyOf } from './interpreter-of-run.ts'
import { sparkCommand } from './spark-submit.ts'

/** What is known of a place that was only looked at. */
interface Looked {
  readonly home: string
  readonly python: { readonly executable: string; readonly version: string }
  /** Files of the snapshot whose content is not there. */
  readonly missing: (request: RunRequest) => Promise<readonly { readonly path: string; readonly size: number }[]>
  readonly agentIsThere: boolean
}

/** What a prepare or a submit would do, found without leaving anything at the place: not even the agent is sent. */
export async function planProcess(
  place: ProcessPlace,
  request: EnvironmentRequest | RunRequest,
  look: Looked,
  options: CallOptions,
): Promise<Plan> {
  const { environment, steps, python } = await planInterpreter(place, request, look, options)
  const sending = look.agentIsThere ? [] : [`send errand's agent to ${look.home}/agent`]
  if (!('snapshot' in request)) return { environment, steps: [...sending, ...steps] }
  const missing = await look.missing(request)
  const program = request.framework === 'pyspark' ? sparkCommand(place.sparkSubmit ?? 'spark-submit', request.spark).join(' ') : python
  const made = request.environment.kind === 'user-managed' ? [] : steps
  return {
    environment,
    upload: {
      files: missing.length,
      bytes: missing.reduce((sum, { size }) => sum + size, 0),
      paths: missing.map(({ path }) => path),
    },
    steps: [
      ...sending,
      ...made,
      `copy the project to ${look.home}/runs/${request.runId}/work`,
      [program, request.script, ...request.arguments.map(quoted)].join(' '),
    ],
  }
}

async function planInterpreter(
  place: ProcessPlace,
  request: EnvironmentRequest,
  { home, python }: Looked,
  options: CallOptions,
): Promise<Pick<Plan, 'environment' | 'steps'> & { readonly python: string }> {
  if (request.environment.kind !== 'user-managed') {
    const { planManaged } = await import('./managed-environment.ts')
    return planManaged(environmentPlace({ hello: { home, python } }, place), request, options)
  }
  const environment = { key: keyOf(python), ready: true, changed: [] }
  return { environment, steps: [`use ${keyOf(python)} as it is`], python: request.environment.python ?? python.executable }
}

/** For reading, not for a shell: arguments are passed as they are. */
const quoted = (argument: string): string =>
  /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`

/** Looks at a place with the agent that is there; where none is, with the interpreter alone. Errors: those of opening an agent. */
export async function lookAtPlace(place: ProcessPlace, { signal }: CallOptions): Promise<AsyncDisposable & Looked> {
  try {
    const agent = await openAgent({ ...place, signal, lookOnly: true })
    return {
      home: agent.hello.home,
      python: agent.hello.python,
      missing: ({ snapshot }) => missingFiles(agent, snapshot, signal),
      agentIsThere: true,
      [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
    }
  } catch (error) {
    if (errorCode(error) !== 'AGENT_MISSING') throw error
    return lookWithoutAgent(place, signal)
  }
}

const facts = 'import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])'

async function lookWithoutAgent(place: ProcessPlace, signal: AbortSignal): Promise<AsyncDisposable & Looked> {
  for (const python of place.pythons) {
    const answer = await askPython(place.host, python, facts, signal).catch((error: unknown) => {
      if (errorCode(error) !== 'COMMAND_NOT_STARTED') throw error
      return undefined
    })
    const [executable, version] = answer?.split('\n') ?? []
    if (executable === undefined || version === undefined || version.startsWith('2.')) continue
    return {
      home: place.home ?? `${place.host.home}/.errand`,
      python: { executable, version },
      missing: async ({ snapshot }) => {
        const files = snapshot.entries.filter((entry) => entry.kind === 'file')
        return [...new Map(files.map((file) => [file.digest, file])).values()]
      },
      agentIsThere: false,
      [Symbol.asyncDispose]: async () => {},
    }
  }
  throw new ErrandError('PYTHON_NOT_FOUND', `There is no Python called ${place.pythons.join(' or ')} on ${place.host.name}.`, {
    hint: 'Install Python 3, or name an interpreter with pythonLocation in the .compute file.',
  })
}
