import type { RunEvent, RunHandle, RunReference, Target, TargetContext, TargetDefinition } from '@errand/core'
import { type Breakage, breakages } from './breakages.ts'

/** What a broken target remembers from one opening to the next. */
interface BrokenMemory {
  readonly references: Map<string, RunReference>
  readonly events: Map<string, RunEvent>
  readonly signals: AbortSignal[]
  /** Of runs that were cancelled, read or removed, as text. */
  readonly cancelled: Set<string>
  readonly read: Set<string>
  readonly removed: Set<string>
}

export interface Broken {
  readonly inner: Target
  readonly context: TargetContext<unknown>
  readonly memory: BrokenMemory
}

export interface BrokenHandle extends Omit<Broken, 'inner'> {
  readonly inner: RunHandle
  readonly reference: RunReference
  /** The reference as text: names the run in the memory. */
  readonly key: string
}

/** What a breakage does in place of what the target does. */
export type TargetChange = (broken: Broken) => Partial<Target>
export type HandleChange = (broken: BrokenHandle) => Partial<RunHandle>

/**
 * The same target with one thing wrong: for testing a suite of tests, which must notice. Everything else is what the target does itself, so
 * it must be one that passes.
 */
export function breakTarget<Config, Options>(
  definition: TargetDefinition<Config, Options>,
  breakage: Breakage,
): TargetDefinition<Config, Options> {
  const memory: BrokenMemory = {
    references: new Map(),
    events: new Map(),
    signals: [],
    cancelled: new Set(),
    read: new Set(),
    removed: new Set(),
  }
  const change = breakages[breakage]
  return {
    ...definition,
    async load() {
      const implementation = await definition.load()
      return {
        ...implementation,
        async createTarget(context) {
          const inner = await implementation.createTarget(context)
          return changeTarget({ inner, context, memory }, change)
        },
      }
    },
  }
}

function changeTarget(broken: Broken, change: { readonly target?: TargetChange; readonly handle?: HandleChange }): Target {
  const { inner } = broken
  const same: Target = {
    check: (options) => inner.check(options),
    plan: (request, options) => inner.plan(request, options),
    prepare: (request, options) => inner.prepare(request, options),
    submit: (request, prepared, options) => inner.submit(request, prepared, options),
    find: (runId, options) => inner.find(runId, options),
    attach: (reference, options) => inner.attach(reference, options),
    leftovers: (options) => inner.leftovers(options),
    removeLeftover: (id, options) => inner.removeLeftover(id, options),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
  const changed = { ...same, ...change.target?.(broken) }
  const { handle } = change
  if (handle === undefined) return changed
  return {
    ...changed,
    async attach(reference, options) {
      const attached = await changed.attach(reference, options)
      return changeHandle({ ...broken, inner: attached, reference, key: JSON.stringify(reference) }, handle)
    },
  }
}

function changeHandle(broken: BrokenHandle, change: HandleChange): RunHandle {
  const { inner } = broken
  return {
    status: (options) => inner.status(options),
    events: (options) => inner.events(options),
    cancel: (options) => inner.cancel(options),
    collect: (directory, options) => inner.collect(directory, options),
    remove: (options) => inner.remove(options),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...change(broken),
  }
}
