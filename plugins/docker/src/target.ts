import { defineTarget } from '@errand/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const text = (description: string) => v.optional(v.pipe(v.string(), v.description(description)))
const size = (description: string) => v.optional(v.pipe(v.union([v.string(), v.number()]), v.description(description)))
const flag = (description: string) => v.optional(v.pipe(v.boolean(), v.description(description)))

/** What may also stand in TargetOptions, for one run configuration. */
const perRun = {
  gpus: size('GPUs of the container: all, a number, or device=0,1.'),
  shmSize: size('Size of /dev/shm. Absent: 2g.'),
  memory: size('Memory limit, 8g for example. A run that needs more ends as out of memory.'),
  cpus: size('Number of processors, 1.5 for example.'),
  network: text('Network of the engine, none or host. Absent: the bridge.'),
  user: text('User that the script runs as, a name or number of the image. Absent: the image says it.'),
  containerOptions: v.optional(v.pipe(v.array(v.string()), v.description('Further options as docker run has them.'))),
}

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
