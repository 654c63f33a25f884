export { excludedBy } from './excluded-by.ts'
export { objectPath, openObject } from './object-store.ts'
export { loadSnapshot } from './stored-snapshots.ts'
export { takeSnapshot, type SnapshotOptions, type TakenSnapshot } from './take-snapshot.ts'
