export { planUnneeded, removeUnneeded, type Unneeded, type UnneededPlan } from './unneeded.ts'
