import { type ServiceSettings, openHttpService } from './http-service.ts'
import { livyRefusal } from './refusal.ts'
import { codeOf } from './service-error.ts'

/** An application as YARN's resource manager knows it. */
export interface YarnApplication {
  readonly id: string
  readonly state:
    | 'NEW'
    | 'NEW_SAVING'
    | 'SUBMITTED'
    | 'ACCEPTED'
    | 'RUNNING'
    | 'FINISHED'
    | 'FAILED'
    | 'KILLED'
    | (string & Record<never, never>)
  readonly finalStatus?: string
  /** What the cluster says of its end, or of why it waits. */
  readonly diagnostics?: string
  readonly queue?: string
  /** Milliseconds since 1970. */
  readonly finishedTime?: number
}

const over: ReadonlySet<string> = new Set(['FINISHED', 'FAILED', 'KILLED'])

/** Whether nothing of the application runs any more, by the ResourceManager's account. */
export const isApplicationOver = ({ state }: Pick<YarnApplication, 'state'>): boolean => over.has(state)

/** What YARN's ResourceManager tells of applications. Errors are `ServiceError`s. */
export interface YarnClient extends AsyncDisposable {
  /** Undefined when it knows none of that id. */
  application(id: string, call: { readonly signal: AbortSignal }): Promise<YarnApplication | undefined>
  applicationsWithTag(tag: string, call: { readonly signal: AbortSignal }): Promise<readonly YarnApplication[]>
}

/** @param settings `url` is where `/ws/v1/cluster` begins: `http://manager:8088`, or a gateway's `https://cluster.example/yarnui`. */
export function openYarnClient(settings: ServiceSettings): YarnClient {
  const service = openHttpService({ ...settings, headers: { accept: 'application/json', ...settings.headers } })

  async function ask<Value>(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Value> {
    const answer = await service.send({ method: 'GET', path: `ws/v1/cluster/${path}`, query, signal })
    const refusal = livyRefusal(answer, `YARN tells of ${path}`)
    if (refusal !== undefined) throw refusal
    return JSON.parse(answer.body.toString('utf8')) as Value
  }

  return {
    async application(id, { signal }) {
      try {
        return (await ask<{ app: YarnApplication }>(`apps/${encodeURIComponent(id)}`, {}, signal)).app
      } catch (error) {
        if (codeOf(error) === 'NOT_FOUND') return undefined
        throw error
      }
    },
    async applicationsWithTag(tag, { signal }) {
      const { apps } = await ask<{ apps: { app?: readonly YarnApplication[] } | null }>('apps', { applicationTags: tag }, signal)
      return apps?.app ?? []
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
