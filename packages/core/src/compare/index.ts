export { type CompareOptions, compareRuns } from './compare-runs.ts'
export type * from './comparison.ts'
