export { activation } from './activation.ts'
export { type EnvironmentContent, contentOf } from './content.ts'
export {
  type EnvironmentInputs,
  type InputChange,
  type KeySource,
  environmentInputs,
  environmentKey,
  explainKey,
  lockDigest,
} from './environment-key.ts'
export type { WantedEnvironment } from './environment-plan.ts'
export {
  type EnvironmentEntry,
  environmentLeftovers,
  isEnvironmentLeftover,
  listEnvironments,
  removeEnvironment,
  removeEnvironmentLeftover,
} from './environments.ts'
export { type Download, type MicromambaPin, bringMicromamba, fetchMicromamba, micromambaPins } from './micromamba.ts'
export {
  type PlannedEnvironment,
  type PreparedEnvironment,
  type PrepareOptions,
  planEnvironment,
  prepareEnvironment,
} from './prepare-environment.ts'
export { archiveProgram, environmentArchive } from './environment-archive.ts'
export { bareImage, imageProbe, readImageProbe } from './image-probe.ts'
export type { Drift, PlaceFacts, Program, StepFailure } from './place.ts'
export type { ProviderName } from './provider.ts'
export { differInPipAlone } from './dockerfile-changes.ts'
export { type DockerfileLines, type ImageEnvironment, dockerfileLines } from './dockerfile-lines.ts'
export { credentialsSecret, credentialsText, hiddenParts } from './image-credentials.ts'
export { drifted, madeAnew, notPrepared, stepFailed } from './failure.ts'
