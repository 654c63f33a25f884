import { setTimeout as sleep } from 'node:timers/promises'
import { type Batch, type BatchRequest, looksLikeGhost } from './batch.ts'
import { ServiceError, codeOf, isRefusal, mayHaveActed } from './service-error.ts'

/** What every call is told. */
export interface LivyCall {
  readonly signal: AbortSignal
}

/** What a creation is told beside that. */
export interface CreateCall extends LivyCall {
  /**
   * Where Livy knows no names: the batch that an attempt without an answer has made, found by other ways; undefined when there seems to be
   * none. Then the next attempt is made, so whoever gives this must be able to bear a second batch. What it throws ends the creation.
   */
  findBatch?(): Promise<Batch | undefined>
}

/** The one batch that a creation stands for, whichever of its attempts made it. */
export interface CreatedBatch {
  readonly batch: Batch
  /** Livy had it before: an earlier attempt's answer was lost, or somebody else asked first. */
  readonly existed: boolean
}

const mostAttempts = 5
const ghostLooks = 3

/** What a creation asks of Livy. */
interface Batches {
  get(name: string, signal: AbortSignal): Promise<Batch | undefined>
  remove(name: string, signal: AbortSignal): Promise<boolean>
  post(request: BatchRequest, signal: AbortSignal): Promise<Batch>
  knowsNames(): boolean
}

/** `LivyClient.create`. */
export async function createBatch(batches: Batches, request: BatchRequest, call: CreateCall): Promise<CreatedBatch> {
  let createdNothing = true
  const noting: Batches = {
    ...batches,
    async get(...given) {
      const found = await batches.get(...given)
      createdNothing &&= found === undefined || looksLikeGhost(found)
      return found
    },
    async post(...given) {
      try {
        return await batches.post(...given)
      } catch (error) {
        createdNothing &&= isRefusal(error)
        throw error
      }
    },
  }
  try {
    return await createOnce(noting, request, call)
  } catch (error) {
    if (!createdNothing || !(error instanceof ServiceError)) throw error
    const { code, message, status, cause } = error
    throw new ServiceError(code, message, { cause, createdNothing, ...(status === undefined ? {} : { status }) })
  }
}

async function createOnce(batches: Batches, request: BatchRequest, call: CreateCall): Promise<CreatedBatch> {
  if (request.name === undefined || !batches.knowsNames()) return createNumbered(batches, request, call)
  try {
    return await createNamed(batches, request, request.name, call.signal)
  } catch (error) {
    // It is looked up before anything is asked for.
    if (codeOf(error) === 'NAMES_UNKNOWN') return createNumbered(batches, request, call)
    throw error
  }
}

/** The batch of that name, unless it is one that Livy never started: that one is removed. */
async function real({ get, remove }: Batches, name: string, signal: AbortSignal): Promise<Batch | undefined> {
  for (let look = 1; ; look++) {
    const found = await get(name, signal)
    if (found === undefined || !looksLikeGhost(found)) return found
    if (look === ghostLooks) break
    await sleep(400, undefined, { signal })
  }
  await remove(name, signal)
  return undefined
}

async function createNamed(batches: Batches, request: BatchRequest, name: string, signal: AbortSignal): Promise<CreatedBatch> {
  for (let attempt = 1; ; attempt++) {
    const existing = await real(batches, name, signal)
    if (existing !== undefined) return { batch: existing, existed: true }
    try {
      return { batch: await batches.post(request, signal), existed: false }
    } catch (error) {
      const found = await real(batches, name, signal)
      if (found !== undefined && (mayHaveActed(error) || codeOf(error) === 'DUPLICATE_NAME')) return { batch: found, existed: true }
      const again = mayHaveActed(error) || codeOf(error) === 'UNREACHABLE' || codeOf(error) === 'DUPLICATE_NAME'
      if (attempt === mostAttempts || !again) throw error
    }
    await sleep(Math.random() * 250 * 2 ** attempt, undefined, { signal })
  }
}

async function createNumbered({ post }: Batches, request: BatchRequest, { signal, findBatch }: CreateCall): Promise<CreatedBatch> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { batch: await post(request, signal), existed: false }
    } catch (error) {
      if (findBatch === undefined || !(mayHaveActed(error) || codeOf(error) === 'UNREACHABLE')) throw error
      const batch = mayHaveActed(error) ? await findBatch() : undefined
      if (batch !== undefined) return { batch, existed: true }
      if (attempt === mostAttempts) throw error
    }
    await sleep(Math.random() * 250 * 2 ** attempt, undefined, { signal })
  }
}
