import type { HandleChange, TargetChange } from './break-target.ts'
import { handleBreakages } from './handle-breakages.ts'
import { targetBreakages } from './target-breakages.ts'

/** The ways in which {@link breakTarget} can break a target. */
export type Breakage = keyof typeof targetBreakages | keyof typeof handleBreakages

const entries: [string, { readonly target?: TargetChange; readonly handle?: HandleChange }][] = [
  ...Object.entries<TargetChange>(targetBreakages).map(([name, target]): [string, { target: TargetChange }] => [name, { target }]),
  ...Object.entries<HandleChange>(handleBreakages).map(([name, handle]): [string, { handle: HandleChange }] => [name, { handle }]),
]

export const breakages = Object.fromEntries(entries) as Readonly<
  Record<Breakage, { readonly target?: TargetChange; readonly handle?: HandleChange }>
>
