/** What we make on an engine carries these labels: it is found, explained and cleaned by them. */
export const labels = {
  /** `environment`, `probe`, `build`, and what runs make. */
  kind: 'errand.kind',
  environmentKey: 'errand.environment.key',
  /** JSON: what the key is made of. */
  environmentInputs: 'errand.environment.inputs',
  /** Name of the base image. */
  base: 'errand.base',
  /** JSON: where things are in the image. */
  environment: 'errand.environment',
  project: 'errand.project',
  projectId: 'errand.project.id',
} as const
