export { cancelGrace } from './cancel-grace.ts'
export { defaultPythons } from './interpreter.ts'
export { type OpenedOnce, openOnce } from './open-once.ts'
export { type ProcessPlace, createProcessTarget } from './process-target.ts'
