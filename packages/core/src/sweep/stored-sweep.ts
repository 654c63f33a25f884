import { ErrandError } from '../errors.ts'
import type { History, RunRecord, RunSummary } from '../history/index.ts'
import { type StoredRequest, storedRequest } from '../run/stored-request.ts'
import type { JsonValue } from '../json.ts'
import type { Point } from './parameters.ts'

/** What the parent record of a sweep keeps beside the request that its runs share: enough to go on with it in another process. */
export interface StoredSweep {
  /** Chosen once: a sweep with random points has the same ones when it goes on. */
  readonly points: readonly Point[]
  /** Runs at a time. */
  readonly parallel: number
  /** Failed runs after which no more are started. Absent: all are. */
  readonly stopAfter?: number
  /** `Accuracy` or `Loss:min`: what the table is sorted by. */
  readonly best?: string
}

/** Name of the property that says which point of its sweep a run is: its place in `points`, from 0. */
export const pointProperty = 'sweep.point'

export function withSweep(request: JsonValue, sweep: StoredSweep): JsonValue {
  return { ...(request as Record<string, JsonValue>), sweep: sweep as unknown as JsonValue }
}

/** The sweep of a parent record and the request of its runs, whose snapshot is complete. Errors: `RUN_NO_SWEEP`, `SWEEP_INCOMPLETE`. */
export function storedSweep(run: RunRecord): { readonly sweep: StoredSweep; readonly request: StoredRequest } {
  const request = storedRequest(run)
  if (run.kind !== 'sweep' || request === undefined)
    throw new ErrandError('RUN_NO_SWEEP', `${run.id} is no sweep.`, { hint: 'errand runs lists the runs and sweeps of the project.' })
  const { sweep } = request as StoredRequest & { readonly sweep?: StoredSweep }
  if (sweep === undefined || request.snapshot.digest === '')
    throw new ErrandError('SWEEP_INCOMPLETE', `${run.id} ended before its files were recorded: there is nothing to go on with.`, {
      hint: 'Start the sweep again.',
    })
  return { sweep, request }
}

/** One line of a sweep's table. `run` is absent for a point that was not started. */
export interface SweepRow {
  readonly index: number
  readonly point: Point
  readonly run?: RunSummary
}

/** All points of a sweep in their order, with the runs that they have so far. */
export function sweepRows(history: History, parent: RunRecord): readonly SweepRow[] {
  const runs = runsByPoint(history, parent.id)
  const { sweep } = (storedRequest(parent) ?? {}) as { readonly sweep?: StoredSweep }
  return (sweep?.points ?? []).map((point, index) => {
    const run = runs.get(index)
    return run === undefined ? { index, point } : { index, point, run }
  })
}

/** The runs of a sweep by their point. */
export function runsByPoint(history: History, parent: string): ReadonlyMap<number, RunSummary> {
  return new Map(history.list({ parent }).map((run) => [Number(run.properties[pointProperty]), run]))
}
