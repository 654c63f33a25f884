import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import {
  type AttachPlan,
  deleteTarget,
  formatDiagnostic,
  loadTarget,
  planDetach,
  validateTarget,
  type Diagnostic,
  type TargetFile,
} from '../project/index.ts'
import { looksLikeSecret } from '../project/secret-text.ts'
import type { CallOptions, Finding } from '../target.ts'
import { type RunContext, type Surroundings, type TargetCatalogue, configuredTarget, openTarget, targetContext } from './context.ts'

/** A target as its file is understood, without secrets. */
export interface ShownTarget {
  readonly name: string
  readonly type: string
  /** Absent for a `local` that no file describes. */
  readonly file?: string
  /** With the defaults of its type, where the type is installed. */
  readonly config: Readonly<Record<string, JsonValue>>
  /** Of the secrets that its type declares: where each would come from. */
  readonly secrets: Readonly<Record<string, 'environment' | 'keychain' | 'file' | 'compute file' | 'not kept'>>
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * What is known of a target, from the project alone. `sourceOf` tells where a secret is kept; it is asked for no value.
 * Errors: `TARGET_NOT_FOUND`, `CONFIGURATION_INVALID`, those of an unknown or broken type.
 */
export async function showTarget(
  file: TargetFile,
  targets: TargetCatalogue,
  sourceOf: (secret: string, target: string) => Promise<'environment' | 'keychain' | 'file' | undefined>,
): Promise<ShownTarget> {
  const base = { name: file.name, type: file.type, ...(file.file === undefined ? {} : { file: file.file }) }
  const definition = await targets.definition(file.type).catch((error: unknown) => {
    if (error instanceof ErrandError && error.code === 'TARGET_TYPE_NOT_INSTALLED') return undefined
    throw error
  })
  if (definition === undefined) return { ...base, config: presentable(file.values), secrets: {}, diagnostics: file.diagnostics }
  const validated = await validateTarget(file, definition)
  const secrets = Object.keys(definition.secrets ?? {}).map(async (name) => {
    const source = validated.secrets[name] === undefined ? await sourceOf(name, file.name) : 'compute file'
    return [name, source ?? 'not kept'] as const
  })
  return {
    ...base,
    config: presentable(validated.config),
    secrets: Object.fromEntries(await Promise.all(secrets)),
    diagnostics: [...file.diagnostics, ...validated.diagnostics],
  }
}

/** Without what looks like a secret that somebody wrote into a file. */
function presentable(config: JsonValue): Readonly<Record<string, JsonValue>> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return {}
  const shown = Object.entries(config).filter(
    ([key, value]) => key === 'privateKey' || !looksLikeSecret(key, typeof value === 'string' ? value : JSON.stringify(value)),
  )
  return Object.fromEntries(shown.filter(([key]) => key !== 'password'))
}

/** Looks at every hop between here and a target, its file first. A failure is a finding, not an error. Error: `TARGET_NOT_FOUND`. */
export async function* checkTarget(context: Surroundings, name: string, options: CallOptions): AsyncGenerator<Finding> {
  const file = await loadTarget(context.project, name).catch((error: unknown) => {
    if (error instanceof ErrandError && error.code === 'CONFIGURATION_INVALID') return error
    throw error
  })
  if (file instanceof ErrandError) {
    yield failure('configuration', file)
    return
  }
  const path = file.file ?? 'no file: the built-in target'
  try {
    const configured = await configuredTarget(context, file)
    yield { name: 'configuration', outcome: 'ok', detail: `${path}, type ${configured.type}` }
    for (const diagnostic of file.diagnostics)
      if (diagnostic.severity === 'warning') yield { name: 'configuration', outcome: 'warning', detail: formatDiagnostic(diagnostic) }
    await using opened = await openTarget(context, configured)
    yield* opened.target.check(options)
  } catch (error) {
    if (isBrokenOff(error, options)) throw error
    yield failure('configuration', error)
  }
}

/** Whoever asked wants no answer any more, or has left the question that one depends on. */
const isBrokenOff = (error: unknown, { signal }: CallOptions): boolean => signal.aborted || errorCode(error) === 'INTERRUPTED'

/** A thrown error as a finding of that name, with its hint. */
function failure(name: string, error: unknown): Finding {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
  const absent = errorCode(error) === 'TARGET_TYPE_NOT_INSTALLED' ? { absent: true } : {}
  return { name, outcome: 'failed', detail: errorMessage(error), ...hint, ...absent }
}

/** What attaching does beyond the files, once they are there: the type's own `attach`. */
export async function* attachActions(context: RunContext, plan: AttachPlan, options: CallOptions): AsyncGenerator<Finding> {
  try {
    const configured = await configuredTarget(context, await loadTarget(context.project, plan.name))
    const implementation = await configured.definition.load()
    if (implementation.attach === undefined) return
    yield* implementation.attach(targetContext(context, configured, new Set()), plan.actions, options)
  } catch (error) {
    if (isBrokenOff(error, options)) throw error
    yield failure('attach', error)
  }
}

/** What was taken away with a target. */
export interface Detached {
  readonly file: string
  readonly secrets: readonly string[]
  /** Files that still point to the target. */
  readonly runConfigurations: readonly string[]
}

/**
 * Forgets the secrets of a target, then deletes its `.compute`. Its runs keep their own copy of the configuration. Errors:
 * `TARGET_NOT_FOUND`, `SECRET_KEYCHAIN_UNREACHABLE` (then the target is still there).
 */
export async function detachTarget(
  context: Pick<RunContext, 'project'> & { readonly secrets?: RunContext['secrets'] | undefined },
  name: string,
): Promise<Detached> {
  const plan = await planDetach(context.project, name)
  const kept = (await context.secrets?.list())?.filter(({ target }) => target === name) ?? []
  for (const secret of kept) await context.secrets?.delete(secret.name, name)
  await deleteTarget(context.project, plan)
  return { ...plan, secrets: kept.map((secret) => secret.name) }
}
