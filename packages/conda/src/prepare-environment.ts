import type { Readable } from 'node:stream'
import { type CallOptions, type EnvironmentLock, ErrandError, type Host, dropCredentials, errorCode } from '@errand/core'
import { type EnvironmentInputs, type InputChange, explainKey, lockDigest } from './environment-key.ts'
import {
  type EnvironmentPlan,
  type WantedEnvironment,
  factsOf,
  localFilePath,
  lockOf,
  makingOf,
  planFor,
  requestOf,
} from './environment-plan.ts'
import { answerOf, madeAnew, notPrepared } from './failure.ts'
import { type Download, bringMicromamba, micromambaPins, micromambaProgram } from './micromamba.ts'
import { type PlaceBuilder, type PlaceFacts, openPlace } from './place.ts'

/** An environment that is there. */
export interface PreparedEnvironment {
  readonly key: string
  /** Its folder, to be `CONDA_PREFIX` or `VIRTUAL_ENV`; programs are in `bin/` below it. */
  readonly prefix: string
  readonly python: string
  readonly pythonVersion: string
  /** The conda file's `variables`, to be set for a script. */
  readonly variables: Readonly<Record<string, string>>
  /** What is in it, and what made it. */
  readonly lock: EnvironmentLock
  readonly inputs: EnvironmentInputs
  /** False when it was there before. */
  readonly built: boolean
  readonly bytes: number
  /** Which inputs differ from the project's last environment. */
  readonly changed: readonly InputChange[]
}

export interface PrepareOptions extends CallOptions {
  /** False: a missing one is the error `ENVIRONMENT_NOT_PREPARED`. */
  readonly build: boolean
  /** Bytes of a file that the dependency file names, by digest. */
  readonly openObject?: (digest: string) => Readable
  /** How the pinned micromamba is fetched, where it is needed. Absent: `fetch`. */
  readonly download?: Download
}

/** What `prepareEnvironment` would do. */
export interface PlannedEnvironment {
  readonly key: string
  readonly ready: boolean
  /** Where it is or would be. */
  readonly prefix: string
  readonly provider: string
  readonly inputs: EnvironmentInputs
  readonly changed: readonly InputChange[]
  /** One line a command. Empty when it is ready. */
  readonly steps: readonly string[]
}

interface Made {
  readonly built: boolean
  readonly packages: EnvironmentLock['packages']
  readonly provider: string
  readonly version: string
  readonly bytes: number
}

interface Look {
  readonly ready: boolean
  readonly missing: readonly string[]
  readonly previous: EnvironmentInputs | null
  readonly made?: Made
}

const defaultPythons = ['python3', 'python']

/**
 * Makes the environment ready at the place, once for each key: two calls for one key wait for each other, and what a dead call left is taken
 * away. With a lock in `environment` it has exactly those packages, or the error is `ENVIRONMENT_DRIFTED`.
 * Errors: `ENVIRONMENT_NOT_PREPARED`, `ENVIRONMENT_FAILED` (with the installer's own last lines, the path of the log and a hint),
 * `ENVIRONMENT_DRIFTED`, and those of planning.
 */
export async function prepareEnvironment(host: Host, wanted: WantedEnvironment, options: PrepareOptions): Promise<PreparedEnvironment> {
  await using place = await openPlace(host, wanted.pythons ?? defaultPythons, options)
  const { plan, look } = await lookAt(place, host, wanted, true)
  const changed = look.previous === null ? [] : explainKey(look.previous, plan.inputs)
  const made = look.made ?? (await make(place, host, { plan, look, wanted, changed }, options))
  return {
    key: plan.key,
    prefix: plan.prefix,
    python: `${plan.prefix}/bin/python`,
    pythonVersion: made.version,
    variables: plan.content.variables,
    lock: { provider: made.provider, packages: withProjectPaths(made.packages, plan, wanted) },
    inputs: plan.inputs,
    built: made.built && look.made === undefined,
    bytes: made.bytes,
    changed,
  }
}

/** Says what would be done and which input changed. Changes nothing. */
export async function planEnvironment(host: Host, wanted: WantedEnvironment, options: CallOptions): Promise<PlannedEnvironment> {
  await using place = await openPlace(host, wanted.pythons ?? defaultPythons, options)
  const { plan, look } = await lookAt(place, host, wanted, false)
  return {
    key: plan.key,
    ready: look.ready,
    prefix: plan.prefix,
    provider: `${plan.provider.name} ${plan.provider.version}`,
    inputs: plan.inputs,
    changed: look.previous === null ? [] : explainKey(look.previous, plan.inputs),
    steps: look.ready ? [] : makingOf(plan).steps.map(({ command }) => dropCredentials(command.join(' '))),
  }
}

interface Looked {
  readonly plan: EnvironmentPlan
  readonly look: Look
}

/** With a lock, an environment that was made without one will do when it has those very packages. */
async function lookAt(place: PlaceBuilder, host: Host, wanted: WantedEnvironment, use: boolean): Promise<Looked> {
  const facts = await factsOf(place, host, wanted, use)
  const lock = lockOf(wanted.environment)
  const free = lock === undefined ? undefined : await madeWithoutLock(place, host, wanted, facts)
  const packages = free?.look.made === undefined ? undefined : withProjectPaths(free.look.made.packages, free.plan, wanted)
  if (free !== undefined && lock !== undefined && packages !== undefined && lockDigest({ provider: '', packages }) === lockDigest(lock))
    return use ? lookFor(place, free.plan, wanted, true) : free
  return lookFor(place, planFor(wanted, host, facts, lock), wanted, use)
}

/** Undefined where it could not be made without the lock either. */
async function madeWithoutLock(place: PlaceBuilder, host: Host, wanted: WantedEnvironment, facts: PlaceFacts): Promise<Looked | undefined> {
  try {
    return await lookFor(place, planFor(wanted, host, facts, undefined), wanted, false)
  } catch (error) {
    if (errorCode(error) === 'PROVIDER_NOT_AVAILABLE') return undefined
    throw error
  }
}

async function lookFor(place: PlaceBuilder, plan: EnvironmentPlan, wanted: WantedEnvironment, use: boolean): Promise<Looked> {
  const request = requestOf('look', plan, wanted, { files: {}, steps: [], tools: {}, origins: null })
  return { plan, look: await place.answer<Look>({ ...(request as Record<string, never>), use }) }
}

async function make(
  place: PlaceBuilder,
  host: Host,
  { plan, look, wanted, changed }: Looked & { readonly wanted: WantedEnvironment; readonly changed: readonly InputChange[] },
  options: PrepareOptions,
): Promise<Made> {
  const { file } = plan.content
  if (!options.build) throw notPrepared(file, host, changed)
  madeAnew(file, changed).forEach(options.report)
  await sendFiles(host, plan, look.missing, wanted, options)
  await bringMissingMicromamba(host, plan, wanted, options)
  const outcome = await place.ask<Made>(requestOf('make', plan, wanted, makingOf(plan)))
  return answerOf(outcome, host, file)
}

async function sendFiles(
  host: Host,
  { content }: EnvironmentPlan,
  missing: readonly string[],
  { home }: WantedEnvironment,
  options: PrepareOptions,
): Promise<void> {
  for (const file of content.localFiles.filter(({ digest }) => missing.includes(digest))) {
    options.signal.throwIfAborted()
    options.report({ message: `sending ${file.path}`, total: file.size, unit: 'bytes' })
    if (options.openObject === undefined)
      throw new ErrandError('FILE_NOT_STORED', `${content.file} names ${file.path}, which was not stored with the request.`)
    await host.writeFile(localFilePath(home, file), options.openObject(file.digest))
  }
}

async function bringMissingMicromamba(
  host: Host,
  { provider, facts }: EnvironmentPlan,
  { home }: WantedEnvironment,
  options: PrepareOptions,
): Promise<void> {
  const pin = micromambaPins[facts.platform]
  if (provider.name !== 'micromamba' || facts.programs['micromamba'] !== undefined || pin === undefined) return
  options.report({ message: `fetching micromamba ${pin.version}` })
  await bringMicromamba(host, home, pin, options.signal, options.download)
  options.report({ message: `micromamba ${pin.version} is at ${micromambaProgram(home)}` })
}

/** A wheel of the project is named by its path there and its digest, wherever the place keeps it. */
function withProjectPaths(
  packages: EnvironmentLock['packages'],
  { content }: EnvironmentPlan,
  { home }: WantedEnvironment,
): EnvironmentLock['packages'] {
  const local = new Map(content.localFiles.map((file) => [`file://${localFilePath(home, file)}`, file]))
  return packages.map((item) => {
    const file = item.url === undefined ? undefined : local.get(decodeURI(item.url))
    return file === undefined ? item : { ...item, url: `./${file.path}`, hash: file.digest }
  })
}
