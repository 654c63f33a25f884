export { type ProcessPlace, createProcessTarget } from './process-target.ts'
export { defaultPythons } from './interpreter.ts'
