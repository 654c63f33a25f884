import { type CallOptions, ErrandError, type Leftover, type RunHandle, type RunReference, type RunRequest, errorCode } from '@errand/core'
import type { Agent } from './agent.ts'
import { collect } from './collect.ts'
import type { CallParameters } from './connection.ts'
import { isLost } from './repeated-call.ts'
import { readAhead, readEvents } from './run-events.ts'
import { toStatus } from './run-status.ts'
import { type ObjectSource, sendObjects } from './send-objects.ts'

/** What an engine adds to the request: how the script is started at its place. */
export interface Launch {
  /** The interpreter, as a path or a name at the place. */
  readonly python: string
  /** What stands before our runner on the command line, `spark-submit` and its options for example. Absent: the interpreter. */
  readonly launch?: readonly string[]
  readonly pathPrepend?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Folder of a conda environment whose packages may set variables and bring scripts in `etc/conda/activate.d`. */
  readonly activate?: string
  /** Seconds between the polite and the hard end of a cancelled run. */
  readonly grace?: number
  readonly sharedDirectory?: string
}

/**
 * Sends what the place lacks of the snapshot and starts the run, once. A second call with the same run id changes nothing and returns the
 * first run's reference.
 */
export async function submitRun(
  agent: Agent,
  request: RunRequest,
  launch: Launch,
  source: ObjectSource,
  secretVariables: Readonly<Record<string, string>>,
  options: CallOptions,
): Promise<RunReference> {
  const { snapshot, ...rest } = request
  const sent = { ...rest, snapshot: { digest: snapshot.digest }, agent: launch }
  for (let attempt = 1; ; attempt++) {
    try {
      const starting = stageAndStart(agent, request, { request: sent, variables: secretVariables }, source, options)
      if (attempt === 1) readAhead(agent, request.runId, request.outputs, options.signal)
      return await starting
    } catch (error) {
      agent.ahead?.get(request.runId)?.stop(error)
      agent.ahead?.delete(request.runId)
      // With the connection goes the staged folder; the objects that arrived stay, and a run that has started is found by its id.
      if (attempt === mostAttempts || !(isLost(error) || errorCode(error) === 'STAGING_UNKNOWN')) throw error
    }
  }
}

const mostAttempts = 20

function referenceOf(agent: Agent, runId: string, answered: unknown): RunReference {
  const { pid } = (answered ?? {}) as { pid?: number }
  return { externalId: pid === undefined ? agent.hello.hostname : `${agent.hello.hostname}:${pid}`, data: { run: runId } }
}

/** What the place answers to `stage`. */
interface Staging {
  readonly state: 'staged' | 'missing' | 'entries'
  readonly missing?: readonly string[]
  /** It goes on by itself with what comes, and knows the list of entries. */
  readonly begun?: boolean
  readonly reference?: object
}

/** Asks for the run until nothing is missing any more: the place starts it with the answer that says so. */
async function stageAndStart(
  agent: Agent,
  request: RunRequest,
  start: CallParameters,
  source: ObjectSource,
  options: CallOptions,
): Promise<RunReference> {
  const { runId, project, projectId, snapshot } = request
  const call = { run: runId, project, projectId, snapshot: { digest: snapshot.digest }, start }
  const settings = { signal: options.signal, progress: options.report }
  const entries = Buffer.from(JSON.stringify(snapshot.entries))
  // A long list is sent only where the place does not know it; a short one costs less than the round trip that asks.
  const listed = agent.begun?.has(runId) === true || entries.length <= shortList
  let answer = await agent.call('stage', call, listed ? { ...settings, body: entries } : settings)
  for (let round = 0; round < 5; round++) {
    const { state, missing, begun, reference } = answer.result as Partial<Staging>
    if (state === 'staged') return referenceOf(agent, runId, reference)
    const sending = state === 'missing' ? await sendObjects(agent, request, missing ?? [], source, options) : []
    // The next question goes out behind the objects, without waiting for the answers to them.
    const asking = agent.call('stage', call, begun === true && entries.length > shortList ? settings : { ...settings, body: entries })
    ;[answer] = await Promise.all([asking, ...sending])
  }
  throw new ErrandError('STAGING_FAILED', `The files of the project could not be brought to ${agent.host.name}.`, {
    hint: 'Submit once more; if it stays so, look at the free space there.',
  })
}

/** Bytes. */
const shortList = 32 * 1024

/** The run of that id, when it was started at this place for this project. */
export async function findRun(agent: Agent, runId: string, projectId: string, options: CallOptions): Promise<RunReference | undefined> {
  const { result } = await agent.call('find', { run: runId, projectId }, { signal: options.signal })
  return result['found'] === true ? referenceOf(agent, runId, result['reference']) : undefined
}

/** The handle of a run that the agent supervises. Closing it closes nothing: the agent belongs to the target. */
export function runHandle(agent: Agent, reference: RunReference): RunHandle {
  const run = runIdOf(reference)
  return {
    async status({ signal }) {
      const { result } = await agent.call('status', { run }, { signal })
      return toStatus(result)
    },
    events: (options) => readEvents(agent, run, options),
    async cancel({ signal, report }) {
      await agent.call('cancel', { run }, { signal, progress: report })
    },
    collect: (directory, options) => collect(agent, run, directory, options),
    async remove({ signal }) {
      await agent.call('remove', { run }, { signal })
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

function runIdOf(reference: RunReference): string {
  const data = reference.data
  if (typeof data === 'object' && data !== null && 'run' in data && typeof data['run'] === 'string') return data['run']
  throw new ErrandError('REFERENCE_INVALID', `The run's reference ${reference.externalId} names no run.`)
}

/** What errand left at the place, with sizes. */
export async function* agentLeftovers(agent: Agent, options: CallOptions): AsyncGenerator<Leftover> {
  const { result } = await agent.call('leftovers', {}, { signal: options.signal })
  yield* (result['leftovers'] ?? []) as Iterable<Leftover>
}

/** Removes one of `agentLeftovers`. Errors: `LEFTOVER_IN_USE`, `RUN_NOT_FINAL`. */
export async function removeAgentLeftover(agent: Agent, id: string, options: CallOptions): Promise<void> {
  await agent.call('removeLeftover', { leftover: id }, { signal: options.signal })
}
