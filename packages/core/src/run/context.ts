import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ErrandError, errorCode } from '../errors.ts'
import type { History, RunRecord } from '../history/index.ts'
import type { Host, Logger } from '../host.ts'
import { localHost } from '../local-host.ts'
import {
  type Diagnostic,
  type Project,
  type TargetFile,
  didYouMean,
  findProject,
  loadTarget,
  targetTypes,
  validateTarget,
} from '../project/index.ts'
import type { SecretStore } from '../secrets.ts'
import { openObject } from '../snapshot/index.ts'
import type { CallOptions, Target, TargetContext, TargetDefinition } from '../target.ts'
import type { JsonValue } from '../json.ts'

/** Finds the definition for the word after `type:`; rejects with `TARGET_TYPE_NOT_INSTALLED` and the command that installs it. */
export interface TargetCatalogue {
  definition(type: string): Promise<TargetDefinition>
}

/** What every command on runs works with. */
export interface RunContext extends AsyncDisposable {
  readonly project: Project
  readonly history: History
  readonly secrets: SecretStore
  readonly targets: TargetCatalogue
  readonly log: Logger
  readonly host: Host
  readonly ask: TargetContext<unknown>['ask']
}

/** What a target is made and looked at with. Of the history only what names it: a command that changes nothing opens none. */
export interface Surroundings extends Omit<RunContext, 'history' | typeof Symbol.asyncDispose> {
  readonly history: Pick<History, 'directory' | 'projectId'>
}

export interface RunContextOptions {
  readonly projectDirectory: string
  readonly targets: TargetCatalogue
  readonly log: Logger
  readonly ask: TargetContext<unknown>['ask']
}

/** Opens the project that holds `aml_config/`, its history and its secrets. Errors: `NO_PROJECT`, those of the history. */
export async function openRunContext(options: RunContextOptions): Promise<RunContext> {
  const project = await findProject(options.projectDirectory)
  const [{ openHistory }, { openSecrets }] = await Promise.all([import('../history/index.ts'), import('../secrets.ts')])
  const history = openHistory(project.directory)
  const secrets = openSecrets({ directory: project.directory, id: history.projectId, name: project.name })
  return {
    project,
    history,
    secrets,
    targets: options.targets,
    log: options.log,
    host: localHost(),
    ask: options.ask,
    [Symbol.asyncDispose]: async () => history[Symbol.dispose](),
  }
}

/** A target as a run needs it: what it is, and what makes it. */
export interface ConfiguredTarget {
  readonly name: string
  readonly type: string
  /** Validated, without secrets: what the history stores. */
  readonly config: JsonValue
  readonly definition: TargetDefinition
  /** Values that the `.compute` file itself holds for declared secrets. */
  readonly fileSecrets: Readonly<Record<string, string>>
  /** What was noticed in the file against the schema of its type: unknown keys, for example. */
  readonly diagnostics: readonly Diagnostic[]
}

export async function configuredTarget(context: Pick<RunContext, 'targets'>, file: TargetFile): Promise<ConfiguredTarget> {
  const definition = await context.targets.definition(file.type).catch((error: unknown) => {
    throw inFile(error, file)
  })
  const { type, config, secrets, diagnostics } = await validateTarget(file, definition)
  return { name: file.name, type, config, definition, fileSecrets: secrets, diagnostics }
}

/** A type that nobody knows is a mistake in the file, whose line is named with the type that was likely meant. */
function inFile(error: unknown, file: TargetFile): unknown {
  if (errorCode(error) !== 'TARGET_TYPE_UNKNOWN' || !(error instanceof Error) || file.file === undefined) return error
  const line = file.position('type')?.line
  const known = [...targetTypes.map(({ type }) => type), ...targetTypes.flatMap(({ aliases }) => aliases)]
  const hint = didYouMean(file.type, known) ?? ('hint' in error && typeof error.hint === 'string' ? error.hint : undefined)
  const place = line === undefined ? file.file : `${file.file}:${line}`
  return new ErrandError('TARGET_TYPE_UNKNOWN', `${place}: ${error.message}`, { ...(hint === undefined ? {} : { hint }), cause: error })
}

/** The target of a recorded run, from the configuration stored with it: editing or detaching the `.compute` file orphans no run. */
export async function recordedTarget(context: RunContext, run: RunRecord): Promise<ConfiguredTarget> {
  const { name, type, config } = run.target
  const definition = await context.targets.definition(type)
  // A password in today's file is meant for the place of today's file: it is used only while that is the recorded one.
  const today = await loadTarget(context.project, name)
    .then((file) => validateTarget(file, definition))
    .catch(() => undefined)
  const fileSecrets = today !== undefined && isDeepStrictEqual(today.config, config) ? today.secrets : {}
  return { name, type, config, definition, fileSecrets, diagnostics: [] }
}

/** An open target and the secret values that were read for it: what must not be shown or stored. */
export interface OpenTarget extends AsyncDisposable {
  readonly target: Target
  readonly secretValues: ReadonlySet<string>
  secretVariable(name: string): Promise<string>
}

export async function openTarget(context: Surroundings, configured: ConfiguredTarget): Promise<OpenTarget> {
  const secretValues = new Set<string>()
  const lent = targetContext(context, configured, secretValues)
  const implementation = await configured.definition.load()
  const target = await implementation.createTarget(lent)
  return { target, secretValues, secretVariable: lent.secretVariable, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() }
}

/** What core lends a target. Every secret that it reads is put into `secretValues`. */
export function targetContext(context: Surroundings, configured: ConfiguredTarget, secretValues: Set<string>): TargetContext<JsonValue> {
  const { project, history, secrets } = context
  const known = (value: string): string => {
    secretValues.add(value)
    return value
  }

  async function secret(name: string): Promise<string> {
    const declared = configured.definition.secrets?.[name]
    if (declared === undefined)
      throw new ErrandError('SECRET_UNDECLARED', `The target type ${configured.type} asks for ${name}, a secret that it does not declare.`)
    const stored = configured.fileSecrets[name] ?? (await secrets.get(name, configured.name))?.value
    if (stored !== undefined) return known(stored)
    const hint = `errand secret set ${name} --target ${configured.name}`
    return known(await context.ask({ kind: 'hidden', text: `${declared.description} for ${configured.name}: `, withoutTerminal: { hint } }))
  }

  async function secretVariable(name: string): Promise<string> {
    const found = await secrets.getVariable(name, configured.name)
    if (found !== undefined) return known(found.value)
    throw new ErrandError('SECRET_NOT_FOUND', `The secret variable ${name} has no value here.`, {
      hint: `errand secret set ${name}   (or set it in the environment)`,
    })
  }

  return {
    config: configured.config,
    target: { name: configured.name, type: configured.type },
    project: { name: project.name, id: history.projectId, directory: project.directory },
    stateDirectory: join(history.directory, 'targets', configured.name),
    sharedDirectory: join(history.directory, 'shared'),
    host: context.host,
    log: context.log,
    secret,
    secretVariable,
    ask: context.ask,
    openObject: (digest) => openObject(history.directory, digest),
    objectsDirectory: join(history.directory, 'objects'),
  }
}

/** Options of one call of a target; progress goes where the caller says. */
export function callOptions(signal: AbortSignal, report: CallOptions['report'] = () => {}): CallOptions {
  return { signal, report }
}
