import { ErrandError, exitCodes } from '../errors.ts'
import type { DamagedRun } from './history.ts'
import type { Metric, RunKind, RunState } from './run-record.ts'

/** Reads one of a few words back; another word is damage, not a value. */
function wordReader<Word extends string>(words: readonly Word[]): (stored: unknown) => Word {
  const known = new Map<unknown, Word>(words.map((word) => [word, word]))
  return (stored) => {
    const word = known.get(stored)
    if (word !== undefined) return word
    throw new ErrandError(
      'HISTORY_CORRUPT',
      `The history of this project has ${JSON.stringify(stored)} where it has one of ${words.join(', ')}.`,
      {
        hint: 'It was changed by something else than errand. It was left as it is.',
        exitCode: exitCodes.internal,
      },
    )
  }
}

/** The error of one record that can't be read, by its id where that is known. */
export function unreadableRecord({ id, number, reason }: DamagedRun): ErrandError {
  return new ErrandError(
    'HISTORY_CORRUPT',
    `The record of the run ${id ?? `number ${number}`} can't be read: ${reason.replace(/\.$/u, '')}.`,
    {
      hint: 'It was left as it is. `errand history list` shows the others.',
      exitCode: exitCodes.internal,
    },
  )
}

export const runStates: readonly RunState[] = [
  'created',
  'preparing',
  'starting',
  'queued',
  'running',
  'cancelling',
  'finalizing',
  'completed',
  'failed',
  'cancelled',
  'lost',
  'interrupted',
]

export const toRunState: (stored: unknown) => RunState = wordReader(runStates)
export const toRunKind: (stored: unknown) => RunKind = wordReader(['run', 'prepare', 'sweep'] as const)
export const toMetricKind: (stored: unknown) => Metric['kind'] = wordReader(['value', 'list', 'row', 'table', 'image'] as const)
