import type { RunRecord } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import type { RunPlan } from '../project/index.ts'
import type { RunRequest } from '../request.ts'
import { withoutCredentials } from './environment-at-hand.ts'

/** A request as the history keeps it: its snapshot by digest, and what of the plan a later process needs. */
export interface StoredRequest extends Omit<RunRequest, 'snapshot'> {
  /** Empty until the files have been recorded. */
  readonly snapshot: { readonly digest: string }
  readonly prepareEnvironment: boolean
  /** False for a run without a record: known while it goes on, so that it can be cancelled, and forgotten with its end. */
  readonly tracked: boolean
  readonly unusedEnvironmentFile?: string
}

/** The plan of a run in its stored form. */
export function storeRequest(plan: RunPlan, identity: Pick<RunRequest, 'runId' | 'runNumber'>, digest: string): JsonValue {
  const { run, prepareEnvironment, tracked, unusedEnvironmentFile } = plan
  const unused = unusedEnvironmentFile === undefined ? {} : { unusedEnvironmentFile }
  const environment = run === undefined ? {} : { environment: withoutCredentials(run.environment) }
  return { ...run, ...environment, ...identity, snapshot: { digest }, prepareEnvironment, tracked, ...unused } as unknown as JsonValue
}

/** The stored request of a run; undefined for the record of a prepare. */
export function storedRequest(run: RunRecord): StoredRequest | undefined {
  return run.request as unknown as StoredRequest | undefined
}
