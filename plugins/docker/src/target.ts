import { defineTarget } from '@errand/core'
import { flag, perRun, text } from '@errand/docker-engine/schema'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const config = v.object({
  baseDockerImage: text('Image that the environment is built on. Absent: one for Python, or for PySpark.'),
  engine: text('Address of the engine, as in DOCKER_HOST. Absent: the one that docker here would take.'),
  sharedVolumes: flag('Whether the shared folder is there in the container.'),
  nativeSharedDirectory: text('Base, on this machine, of the folder that several runs share. Needs sharedVolumes.'),
  nvidiaDocker: flag('The container gets all GPUs.'),
  userManagedEnvironment: flag('Runs use the Python of the image as it is; nothing is built.'),
  ...perRun,
  keepContainer: flag('The container stays, stopped, after its run was collected.'),
})

export type DockerConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'docker',
  aliases: ['localdocker'],
  summary: 'a container on this machine',
  config: toStandardJsonSchema(config),
  runOptions: toStandardJsonSchema(v.strictObject(perRun)),
  capabilities: { environments: ['conda', 'requirements', 'user-managed'], frameworks: ['python', 'pyspark'], logs: 'live' },
  load: () => import('./implementation.ts'),
})
