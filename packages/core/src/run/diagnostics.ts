import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { errorMessage } from '../errors.ts'
import { type RunRecord, artifactNames, readArtifact, recordFor } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { hideCredentials } from '../project/credentials.ts'
import { looksLikeSecret, maskLine } from '../project/secret-text.ts'
import type { Snapshot } from '../request.ts'
import { loadSnapshot, objectPath, openObject } from '../snapshot/index.ts'
import type { RunContext } from './context.ts'
import { storedRequest } from './stored-request.ts'

/** One file of the archive that helps to find out what went wrong with a run. */
export interface DiagnosticsEntry {
  /** Below the folder of the run, forward slashes. */
  readonly path: string
  readonly executable: boolean
  open(): Readable
}

/**
 * What is known of a run, for somebody who is to help: its request without secrets, its record, its logs, the list of its outputs, and
 * the project as it was copied. Values that look like secrets are replaced in the request and in configuration files.
 */
export async function* diagnosticsEntries(context: RunContext, run: RunRecord): AsyncGenerator<DiagnosticsEntry> {
  const { history } = context
  const request = storedRequest(run)
  if (request !== undefined) yield text('request.json', json(withoutSecrets(run.request ?? null)))
  yield text('record.json', json(withoutSecrets({ ...recordFor(history, run), run_definition: null })))
  yield text('target.json', json(withoutSecrets(run.target)))
  yield text('status.json', json({ state: run.state, ...run.status, reason: run.reason ?? null, notes: run.notes }))
  for (const name of ['control_log', 'driver_log'])
    yield { path: name, executable: false, open: () => Readable.from(readArtifact(history, run, name), { objectMode: false }) }
  yield text('outputs.txt', outputsText(context, run))
  const digest = request?.snapshot.digest ?? ''
  if (digest === '') return
  const snapshot = await loadSnapshot(history.directory, digest).catch((error: unknown) => errorMessage(error))
  if (typeof snapshot === 'string') yield text('project.txt', `The copied files can't be listed: ${snapshot}\n`)
  else yield* projectEntries(context, snapshot)
}

async function* projectEntries(context: RunContext, snapshot: Snapshot): AsyncGenerator<DiagnosticsEntry> {
  const { directory } = context.history
  const files = snapshot.entries.filter((entry) => entry.kind === 'file')
  const missing = files.filter(({ digest }) => !existsSync(objectPath(directory, digest)))
  if (missing.length > 0) yield text('project.txt', missing.map(({ path }) => `no longer here: ${path}\n`).join(''))
  for (const entry of files) {
    if (missing.includes(entry)) continue
    const path = `project/${entry.path}`
    const open = () => openObject(directory, entry.digest)
    const mask = isConfiguration(entry.path) ? maskLine : listsPackages(entry.path) ? hideCredentials : undefined
    if (mask === undefined) yield { path, executable: entry.executable, open }
    else yield text(path, (await buffer(open())).toString('utf8').split('\n').map(mask).join('\n'))
  }
}

/** Files in which people write passwords. */
function isConfiguration(path: string): boolean {
  return /\.(compute|runconfig|env)$|^(aml_config|\.azureml)\/[^/]+\.(ya?ml|json)$/.test(path)
}

/** Files in which addresses of indexes and channels stand, wherever in the project. */
function listsPackages(path: string): boolean {
  return /(^|\/)([^/]*requirements[^/]*\.txt|[^/]*constraints[^/]*\.txt|pyproject\.toml|uv\.lock|pip\.conf|[^/]*(conda|environment)[^/]*\.ya?ml|\.condarc)$/i.test(
    path,
  )
}

function outputsText({ history }: RunContext, run: RunRecord): string {
  const sizes = new Map(history.artifacts(run.id).map(({ path, size }) => [path, size]))
  return artifactNames(history, run)
    .filter((name) => sizes.has(name))
    .map((name) => `${sizes.get(name) ?? 'announced, not here'}\t${name}\n`)
    .join('')
}

function withoutSecrets(value: JsonValue, name = ''): JsonValue {
  // Names of secrets, and of a key, are none.
  if (name === 'secretVariables' || name === 'privateKey') return value
  if (typeof value === 'string') return looksLikeSecret(name, value) ? '***' : value
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutSecrets(item, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]: [string, JsonValue]) => [key, withoutSecrets(item, key)]))
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

function text(path: string, content: string): DiagnosticsEntry {
  return { path, executable: false, open: () => Readable.from([Buffer.from(content)]) }
}
