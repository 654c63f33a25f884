export { type SweepUpdate, resumeCommand } from './drive-sweep.ts'
export { type Parameter, type Point, checkArguments, pointArguments, pointText, readParameters, sweepPoints } from './parameters.ts'
export { type SweepOptions, cancelSweep, resumeSweep, runSweep } from './run-sweep.ts'
export { type StoredSweep, type SweepRow, storedSweep, sweepRows } from './stored-sweep.ts'
