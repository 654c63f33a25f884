import { type Batch, type BatchList, type BatchLog, type BatchRequest, type BatchState, type LivyVersion } from './batch.ts'
import { type CreateCall, type CreatedBatch, type LivyCall, createBatch } from './create-batch.ts'
import { type Answer, type Sending, type ServiceSettings, openHttpService } from './http-service.ts'
import { livyRefusal } from './refusal.ts'
import { ServiceError, codeOf } from './service-error.ts'

export interface LivySettings extends ServiceSettings {
  /** False for versions before 0.6, which know batches by number alone. Absent: found out by the first question that names a batch. */
  readonly names?: boolean
}

/** Livy's REST interface, as far as batches go. Errors are {@link ServiceError}s. */
export interface LivyClient extends AsyncDisposable {
  version(call: LivyCall): Promise<LivyVersion>
  /**
   * Creates a batch, once. With a name it is looked up before the first attempt and after each whose outcome is not known; a name that is
   * taken is the proof that an earlier one arrived. What Livy registered and then refused is removed. Without a name, or where Livy knows
   * none and the caller has no other way to find a batch, an attempt whose outcome is not known is its error, and nothing is repeated.
   * An error says with `createdNothing` that no attempt has left a batch.
   */
  create(request: BatchRequest, call: CreateCall): Promise<CreatedBatch>
  list(page: { readonly from?: number; readonly size?: number }, call: LivyCall): Promise<BatchList>
  /** By number or name; undefined when Livy knows none. Error `NAMES_UNKNOWN`: this Livy knows numbers alone; so with the others. */
  get(batch: number | string, call: LivyCall): Promise<Batch | undefined>
  state(batch: number | string, call: LivyCall): Promise<BatchState | undefined>
  log(batch: number | string, page: { readonly from?: number; readonly size?: number }, call: LivyCall): Promise<BatchLog | undefined>
  /** Ends it, when it runs, and makes Livy forget it. False when Livy knew none. */
  delete(batch: number | string, call: LivyCall): Promise<boolean>
}

/** Connections are made by the first calls, and end when the client is disposed of. */
export function openLivyClient(settings: LivySettings): LivyClient {
  // Livy's protection against forged requests wants this one with each change.
  const service = openHttpService({ ...settings, headers: { 'X-Requested-By': 'livy-client', ...settings.headers } })
  let named = settings.names
  const pathOf = (batch: number | string): string => {
    if (named === false && typeof batch === 'string')
      throw new ServiceError('NAMES_UNKNOWN', `This Livy knows no batch by a name: ${batch}.`)
    return `batches/${encodeURIComponent(batch)}`
  }

  async function ask<Value>(what: string, sending: Sending): Promise<Value> {
    const answer = await service.send(sending)
    const refusal = livyRefusal(answer, what)
    if (refusal?.code === 'NAMES_UNKNOWN') named = false
    if (refusal !== undefined) throw refusal
    return objectOf(answer, what) as Value
  }

  async function askIfThere<Value>(
    what: string,
    path: string,
    signal: AbortSignal,
    query: Sending['query'] = {},
  ): Promise<Value | undefined> {
    try {
      return await ask<Value>(what, { method: 'GET', path, query, signal })
    } catch (error) {
      if (codeOf(error) === 'NOT_FOUND') return undefined
      throw error
    }
  }

  const get = async (batch: number | string, signal: AbortSignal) => askIfThere<Batch>(`Livy has the batch ${batch}`, pathOf(batch), signal)

  async function remove(batch: number | string, signal: AbortSignal): Promise<boolean> {
    try {
      await ask(`Livy deletes the batch ${batch}`, { method: 'DELETE', path: pathOf(batch), repeatable: true, signal })
      return true
    } catch (error) {
      if (codeOf(error) === 'NOT_FOUND') return false
      throw error
    }
  }

  const post = (request: BatchRequest, signal: AbortSignal): Promise<Batch> =>
    ask<Batch>('Livy creates a batch', {
      method: 'POST',
      path: 'batches',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal,
    })

  return {
    version: ({ signal }) => ask<LivyVersion>('Livy says its version', { method: 'GET', path: 'version', signal }),
    create: (request, call) => createBatch({ get, remove, post, knowsNames: () => named !== false }, request, call),
    list: (page, { signal }) => ask<BatchList>('Livy lists batches', { method: 'GET', path: 'batches', query: page, signal }),
    get: (batch, { signal }) => get(batch, signal),
    async state(batch, { signal }) {
      const found = await askIfThere<{ state: BatchState }>(`Livy has the batch ${batch}`, `${pathOf(batch)}/state`, signal)
      return found?.state
    },
    log: async (batch, page, { signal }) => askIfThere<BatchLog>(`Livy has the batch ${batch}`, `${pathOf(batch)}/log`, signal, page),
    delete: (batch, { signal }) => remove(batch, signal),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

function objectOf({ status, body }: Answer, what: string): object {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // A login page, for example, with status 200.
  }
  throw new ServiceError('ANSWER_UNREADABLE', `${what}: the answer is not Livy's: ${body.toString('utf8').slice(0, 200)}`, { status })
}
