import { errorMessage } from '@errand/core'
import { type Batch, type YarnApplication, isApplicationOver, isEnded, mayPass } from '@errand/livy'
import { tagOf } from './batch-request.ts'
import { isOfDriver } from './claim.ts'
import { applicationIdOf, batchOf } from './run-batch.ts'
import type { Call, Claim, StoredRun } from './stored-run.ts'

/** What Livy and YARN say of a run that has written no end. */
export type Outlook =
  | { readonly state: 'alive'; readonly detail: string }
  | Over
  /** Livy has forgotten it and YARN can't be asked, or, when YARN was asked, neither knows it. */
  | { readonly state: 'unknown'; readonly words: string; readonly asked: boolean; readonly claimed: boolean }

interface Over {
  readonly state: 'over'
  readonly killed: boolean
  readonly words: string
  /** Whether a driver had the run before anybody was asked. */
  readonly claimed: boolean
}

/** Asks Livy, and where it has forgotten the run, or says that it is over, YARN. */
export async function lookAt(run: StoredRun, call: Call): Promise<Outlook> {
  const claim = await run.read<Claim>('claim', call)
  const claimed = isOfDriver(claim)
  const { batch, problem } = await askLivy(run, call)
  if (batch !== undefined && !isEnded(batch)) return { state: 'alive', detail: detailOf(batch) }
  const asked = await askYarn(run, { batch, claim }, call)
  const { application } = asked
  const why = whyYarn(batch, problem)
  // Livy gives an application up when YARN can't be asked for a while; YARN has it all the same.
  if (application !== undefined && !isApplicationOver(application))
    return { state: 'alive', detail: `${why}; YARN has it as ${application.id}, ${application.state.toLowerCase()}` }
  if (batch !== undefined) return endOfBatch(run, batch, { claimed, application }, call)
  if (application !== undefined) return over(claimed, application)
  if (claimed && (await givesSigns(run, call))) return { state: 'alive', detail: `${why}; its driver gives signs of life` }
  if (problem !== undefined) throw problem
  return { state: 'unknown', words: asked.words, asked: asked.done, claimed }
}

function whyYarn(batch: Batch | undefined, problem: unknown): string {
  if (batch !== undefined) return `Livy takes it for ${batch.state}`
  return problem === undefined ? 'Livy tells nothing of the run' : "Livy can't be reached"
}

/** Livy may be down while the run goes on: then others are asked, and its own error counts only when they know nothing. */
async function askLivy(run: StoredRun, call: Call): Promise<{ readonly batch?: Batch; readonly problem?: unknown }> {
  try {
    const batch = await batchOf(run, call)
    return batch === undefined ? {} : { batch }
  } catch (problem) {
    if (!mayPass(problem)) throw problem
    return { problem }
  }
}

/** Milliseconds. A driver gives a sign every 10 seconds, from when it has brought the project. */
const longestSilence = 90_000
const longestStart = 600_000
/** Milliseconds that a driver has for a sign once its silence was seen: the storage may have been away for both. */
const secondChance = 30_000

/** By the clock of the storage alone, which has seen all of it: the driver's last sign, and a file that is written now. */
async function givesSigns({ cluster: { storage }, folder }: StoredRun, call: Call): Promise<boolean> {
  const timeOf = async (name: string) => (await storage.status(`${folder}/${name}`, call))?.modified
  const now = async (name: string) => {
    await storage.write(`${folder}/${name}`, '', { ...call, overwrite: true })
    return (await timeOf(name)) ?? 0
  }
  const alive = await timeOf('alive')
  const sign = alive ?? (await timeOf('claim')) ?? 0
  const final = await timeOf('final.json')
  // Its end is the last that a driver writes.
  if (final !== undefined && final > sign) return false
  const looked = await now('looked')
  if (looked - sign < (alive === undefined ? longestStart : longestSilence)) return true
  const noticed = await timeOf('silent')
  if (noticed !== undefined && noticed > sign) return looked - noticed < secondChance
  await now('silent')
  return true
}

function detailOf({ state, appId }: Batch): string {
  if (state !== 'starting') return `the driver is ${state}`
  return (appId ?? null) === null ? 'Livy submits the run to the cluster' : `${appId} waits for the cluster's resources`
}

/** With the batch come its last ten lines, which may all be of the stack below the words. */
async function logOf({ cluster: { livy } }: StoredRun, { id, log }: Batch, call: Call): Promise<readonly string[]> {
  return (await livy.log(id, { size: 400 }, call))?.log ?? log ?? []
}

interface Told {
  readonly claimed: boolean
  readonly application?: YarnApplication | undefined
}

/** The end of a run whose batch has ended. */
export async function endOfBatch(run: StoredRun, batch: Batch, { claimed, application }: Told, call: Call): Promise<Over> {
  return over(claimed, application, { state: batch.state, log: await logOf(run, batch, call) })
}

function over(claimed: boolean, application: YarnApplication | undefined, batch?: Pick<Batch, 'state' | 'log'>): Over {
  const diagnostics = application?.diagnostics ?? ''
  const killed = batch?.state === 'killed' || application?.state === 'KILLED'
  return { state: 'over', claimed, killed, words: diagnostics.trim() || wordsOf(batch?.log ?? []) }
}

/** Of spark-submit's lines those that say what went wrong, else the last ones. */
function wordsOf(log: readonly string[]): string {
  const lines = log
    .flatMap((line) => line.split('\n'))
    .filter(
      (line) => line.trim() !== '' && !/^(stdout|stderr|YARN Diagnostics): ?$|\berrand\.run\.|^\s+at |^\s*\.\.\. \d+ more$/.test(line),
    )
  const telling = lines.filter((line) => /exception|error|killed|refused|denied|can't open|doesn't exist/i.test(line))
  return (telling.length > 0 ? telling : lines).slice(-5).join('\n')
}

interface Asked {
  readonly application?: YarnApplication
  /** False when YARN could not be asked. */
  readonly done: boolean
  readonly words: string
}

async function askYarn(
  run: StoredRun,
  { batch, claim }: { readonly batch: Batch | undefined; readonly claim: Claim | undefined },
  call: Call,
): Promise<Asked> {
  const id = batch?.appId ?? applicationIdOf(claim)
  const yarn = run.cluster.yarn(claim?.manager ?? undefined)
  if (yarn === undefined) return { done: false, words: 'Livy does not know the run, and no way to YARN is known.' }
  try {
    const application = id === undefined ? (await yarn.applicationsWithTag(tagOf(run.id), call))[0] : await yarn.application(id, call)
    return { done: true, words: 'Neither Livy nor YARN knows the run.', ...(application === undefined ? {} : { application }) }
  } catch (error) {
    call.signal.throwIfAborted()
    return { done: false, words: `Livy does not know the run, and YARN can't be asked: ${errorMessage(error)}` }
  }
}
