import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { AttachSetting, AttachableType } from './attach-settings.ts'
import { addressProblem, targetRules } from './compute-rules.ts'
import { computeKeys } from './compute-keys.ts'
import { type Diagnostic, diagnosticList } from './diagnostic.ts'
import { listConfigurationFiles } from './files.ts'
import type { Project, TargetFile } from './model.ts'
import { newRunConfiguration } from './run-configurations.ts'
import { loadTarget } from './targets.ts'
import { validateTarget } from './validate-target.ts'
import { writeWhole } from './write-file.ts'

export interface AttachRequest {
  readonly name: string
  readonly type: AttachableType
  /** What the user gave, by the name of the setting. Secrets are not among them. */
  readonly given: Readonly<Record<string, string | boolean>>
  /** `PySpark` when absent, as the original wrote it. */
  readonly framework?: 'Python' | 'PySpark'
  readonly overwrite?: boolean
}

/** A file to be written: `kept` and `same` are there already. */
export interface AttachFile {
  /** Relative to the project. */
  readonly file: string
  readonly text: string
  readonly state: 'new' | 'replaced' | 'same' | 'kept'
}

/** What attaching does to the project, checked and not yet done. */
export interface AttachPlan {
  readonly name: string
  readonly type: AttachableType
  readonly files: readonly AttachFile[]
  /** Values of actions, for the type's own `attach`; empty when there is nothing to do but write the files. */
  readonly actions: Readonly<Record<string, string | boolean>>
  readonly warnings: readonly Diagnostic[]
}

/**
 * Checks what would be attached, against the rules of all targets and the schema of the type. A target that is there is a mistake unless
 * `overwrite`, or unless nothing of it would change: then only the actions are left. Errors: `NAME_INVALID`, `OPTION_MISSING`,
 * `ADDRESS_INVALID`, `FILE_EXISTS`, `CONFIGURATION_INVALID`.
 */
export async function planAttach(project: Project, request: AttachRequest): Promise<AttachPlan> {
  const { name, type, overwrite = false } = request
  checkName(name, type.type)
  const keys = writtenKeys(request)
  const actions = ofRole(request, 'action')
  const base = { name, type, actions }
  const present = (await listConfigurationFiles(project, '.compute')).find((file) => file.name === name)
  if (present !== undefined && !overwrite && (await saysTheSame(project, name, type.type, keys, Object.keys(actions).length > 0)))
    return { ...base, files: [{ file: present.file, text: '', state: 'same' }, await runConfigurationFile(project, request)], warnings: [] }
  if (present !== undefined && !overwrite) throw fileExists(present.file, name, type)
  requireKeys(request, keys)
  const warnings = await checkTarget(request, { ...type.writes, ...keys })
  const file = present?.file ?? `${project.configurationDirectory}/${name}.compute`
  const text = await computeText({ ...type.writes, ...keys, type: type.type })
  const compute: AttachFile = { file, text, state: present === undefined ? 'new' : 'replaced' }
  return { ...base, files: [compute, await runConfigurationFile(project, request)], warnings }
}

/** Writes the files of a plan. Errors: `FILE_EXISTS` when somebody else has made one of them since, `FILE_NOT_WRITTEN`. */
export async function writeAttach(project: Project, plan: AttachPlan): Promise<void> {
  await mkdir(join(project.directory, project.configurationDirectory), { recursive: true })
  for (const { file, text, state } of plan.files) {
    if (state === 'same' || state === 'kept') continue
    const written = await writeWhole(join(project.directory, file), text, { replace: state === 'replaced' })
    if (!written) throw fileExists(file, plan.name, plan.type)
  }
}

function checkName(name: string, type: string): void {
  if (name === 'local' && type !== 'local')
    throw new ErrandError('NAME_INVALID', 'local is the name of the target that is your own Python on this machine.', {
      hint: 'Choose another name with -n.',
    })
  const suffix = /\.(compute|runconfig)$/.exec(name)?.[0]
  if (suffix !== undefined)
    throw new ErrandError('NAME_INVALID', `The name ${name} must not end in ${suffix}.`, {
      hint: `Use -n ${name.slice(0, -suffix.length) || 'NAME'}`,
    })
  if (/^[\p{L}\p{N}_][\p{L}\p{N}_ .-]*$/u.test(name)) return
  throw new ErrandError('NAME_INVALID', `${JSON.stringify(name)} is no name for a target.`, {
    hint: 'Use letters, digits, `_`, `-` and `.`.',
  })
}

function ofRole({ type, given }: AttachRequest, role: AttachSetting['role']): Record<string, string | boolean> {
  const names = new Set(type.settings.filter((setting) => setting.role === role).map((setting) => setting.name))
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)))
}

/** The keys that the user's options ask for, tidied as a file's are when it is read. */
function writtenKeys(request: AttachRequest): Readonly<Record<string, JsonValue>> {
  const chosen = request.type.settings.filter(({ name }) => Object.hasOwn(request.given, name))
  const implied = chosen.filter(({ name }) => request.given[name] !== false).flatMap(({ writes }) => Object.entries(writes))
  const keys = chosen.filter(({ role }) => role === 'key').map(({ name, kind }) => [name, tidy(name, kind, request.given[name] ?? '')])
  return Object.fromEntries([...implied, ...keys])
}

function tidy(name: string, kind: AttachSetting['kind'], value: string | boolean): JsonValue {
  if (typeof value === 'boolean') return value
  const text = value.trim()
  if (kind === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  return computeKeys[name]?.kind === 'path' && !/^[A-Za-z]:\\/.test(text) ? text.replaceAll('\\', '/') : text
}

function requireKeys({ type }: AttachRequest, keys: Readonly<Record<string, JsonValue>>): void {
  const missing = type.settings.filter(({ name, required }) => required && (keys[name] ?? type.writes[name] ?? '') === '')
  if (missing.length === 0) return
  const flags = missing.map(({ flag }) => `--${flag}`)
  const [verb, noun] = flags.length === 1 ? ['is', 'option'] : ['are', 'options']
  throw new ErrandError(
    'OPTION_MISSING',
    `The ${noun} ${flags.join(' and ')} ${verb} missing: type ${type.type} needs ${flags.length === 1 ? 'it' : 'them'}.`,
    {
      hint: missing.map(({ flag, summary }) => `--${flag}: ${summary}`).join('\n'),
    },
  )
}

/** The rules of all targets and, for an installed type, its schema. Answers warnings. */
async function checkTarget({ name, type }: AttachRequest, values: Readonly<Record<string, JsonValue>>): Promise<readonly Diagnostic[]> {
  const problem = typeof values['address'] === 'string' ? addressProblem(values['address']) : undefined
  if (problem !== undefined)
    throw new ErrandError('ADDRESS_INVALID', `The address ${JSON.stringify(values['address'])} can't be used: ${problem}.`, {
      hint: 'Write --address HOST or --address HOST:PORT.',
    })
  const diagnostics = diagnosticList(`${name}.compute`)
  const file: TargetFile = { name, type: type.type, values, diagnostics: [], position: () => undefined, textOf: () => undefined }
  targetRules(file, diagnostics)
  const validated = type.definition === undefined ? [] : (await validateTarget(file, type.definition)).diagnostics
  return [...diagnostics.list, ...validated].filter(({ severity }) => severity !== 'note')
}

/** Whether a target that is there is what was asked for: the same text or, when there is something to do with it, no other value. */
async function saysTheSame(
  project: Project,
  name: string,
  type: string,
  keys: Readonly<Record<string, JsonValue>>,
  hasActions: boolean,
): Promise<boolean> {
  const present = await loadTarget(project, name).catch(() => undefined)
  if (present === undefined || present.type !== type) return false
  if (!hasActions && Object.keys(keys).length === 0) return false
  return Object.entries(keys).every(([key, value]) => present.values[key] === value)
}

async function runConfigurationFile(project: Project, { name, framework = 'PySpark', overwrite }: AttachRequest): Promise<AttachFile> {
  const present = (await listConfigurationFiles(project, '.runconfig')).find((file) => file.name === name)
  const file = present?.file ?? `${project.configurationDirectory}/${name}.runconfig`
  const text = await newRunConfiguration(project, name, framework)
  if (present === undefined) return { file, text, state: 'new' }
  const same = (await readFile(join(project.directory, file), 'utf8').catch(() => '')) === text
  // A detached target leaves its run configuration, with what the user has written into it: attaching it again goes on with that.
  if (same) return { file, text, state: 'same' }
  return { file, text, state: overwrite === true ? 'replaced' : 'kept' }
}

function fileExists(file: string, name: string, type: AttachableType): ErrandError {
  const password = type.settings.find(({ role }) => role === 'secret')
  const secret = password === undefined ? '' : `\nA new ${password.name} alone: errand secret set ${password.name} --target ${name}`
  return new ErrandError('FILE_EXISTS', `${file} exists already, and says something else.`, {
    hint: `Choose another name, edit the file, or replace it with --overwrite.${secret}`,
  })
}

/** Keys in alphabetical order, quoted only where YAML would read something else. */
async function computeText(values: Readonly<Record<string, JsonValue>>): Promise<string> {
  const { stringify } = await import('yaml')
  const sorted = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return stringify(Object.fromEntries(sorted), { lineWidth: 0 })
}
