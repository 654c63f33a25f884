/** What we make on an engine carries these labels: it is found, explained and cleaned by them. */
export const labels = {
  /** `environment`, `probe`, `build` and `reader`. */
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
  /** Whose run, volume or image it is. */
  user: 'errand.user',
  run: 'errand.run',
  /** Interpreter that the agent has in the container of a run. */
  python: 'errand.python',
  /** Of a volume: the container user that it belongs to. */
  containerUser: 'errand.container-user',
} as const
