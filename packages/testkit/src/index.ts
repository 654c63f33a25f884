export { createTestContext, type TestContextOptions } from './context.ts'
export { type ProjectEntry, type ProjectFiles, takeProjectSnapshot, writeProject } from './project-files.ts'
export type { Abilities, FileAtPlace, It, TargetSuite } from './suite.ts'
export { testTarget } from './test-target.ts'
