export { type Engine, type EnginePlace, openEngine } from './engine.ts'
export { type EngineAddress, engineAddresses, parseEngineAddress } from './engine-address.ts'
export { engineError } from './engine-errors.ts'
