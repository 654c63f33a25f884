import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import type { LogStream } from '../log-record.ts'
import type { History } from './history.ts'
import type { RunRecord } from './run-record.ts'

const block = 1_048_576

/** Names of the logs in both generations of the original. */
const logArtifacts: Readonly<Record<string, readonly LogStream[]>> = {
  control_log: ['control'],
  driver_log: ['stdout', 'stderr'],
  'azureml-logs/60_control_log.txt': ['control'],
  'azureml-logs/80_driver_log.txt': ['stdout', 'stderr'],
}

/** What a run has to show: its collected files, then its logs. */
export function artifactNames(history: History, run: RunRecord): string[] {
  const files = history.artifacts(run.id).map((artifact) => artifact.path)
  return [...new Set([...files, 'control_log', 'driver_log', ...(run.reference === undefined ? [] : ['pid.txt'])])]
}

/**
 * The bytes of one artifact: a collected file by its path, `control_log`, `driver_log` (both output streams as they came), `pid.txt`, or
 * one of the older names of the logs. Errors: `ARTIFACT_NOT_FOUND`, also for a file that was announced and is not here.
 */
export function readArtifact(history: History, run: RunRecord, name: string): Iterable<Uint8Array> {
  const collected = history.artifacts(run.id).some((artifact) => artifact.path === name)
  if (collected) return fileBlocks(join(history.outputsDirectory(run.id), name), run, name)
  const streams = Object.hasOwn(logArtifacts, name) ? logArtifacts[name] : undefined
  if (streams !== undefined) return logBytes(history, run.id, streams)
  if (name === 'pid.txt' && run.reference !== undefined) return [Buffer.from(`${processNumber(run.reference.externalId)}\n`)]
  throw new ErrandError('ARTIFACT_NOT_FOUND', `Run ${run.id} has no artifact ${name}.`, {
    hint: `It has: ${artifactNames(history, run).join(', ')}`,
  })
}

/** Of `host:pid` the pid; what is no process of a host (a container, a batch) as it is. */
function processNumber(externalId: string): string {
  return /:(\d+)$/u.exec(externalId)?.[1] ?? externalId
}

function* logBytes(history: History, id: string, streams: readonly LogStream[]): Generator<Uint8Array> {
  for (const record of history.readLog(id, { streams })) yield record.data
}

function fileBlocks(path: string, run: RunRecord, name: string): Iterable<Uint8Array> {
  const file = openArtifact(path, run, name)
  return (function* () {
    try {
      for (;;) {
        const bytes = Buffer.allocUnsafe(block)
        const length = readSync(file, bytes, 0, block, null)
        if (length === 0) return
        yield bytes.subarray(0, length)
      }
    } finally {
      closeSync(file)
    }
  })()
}

function openArtifact(path: string, run: RunRecord, name: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    const hint = run.collected ? `${path} was deleted here.` : `The outputs were not collected yet: errand experiment status -r ${run.id}`
    throw new ErrandError('ARTIFACT_NOT_FOUND', `The artifact ${name} of run ${run.id} is not in the history.`, { hint, cause })
  }
}
