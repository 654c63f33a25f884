import { defineTarget } from '@errand/core'
import { machineFlags, machineSecrets } from '@errand/ssh/machine'
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
  keepContainer: flag('The container stays, stopped, after its run was collected.'),
}

const config = v.object({
  address: v.pipe(
    v.string(),
    v.nonEmpty('no host is named'),
    v.description('The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.'),
  ),
  username: v.pipe(v.string(), v.nonEmpty('no user is named'), v.description('User to log in as.')),
  privateKey: text('Key to log in with: project for the one of attach -k, another name of the key store, or a path.'),
  baseDockerImage: text('Image that the environment is built on. Absent: one for Python, or for PySpark.'),
  engine: text('Address of the engine there, as in DOCKER_HOST. Absent: the one that docker there would take.'),
  sharedVolumes: flag('Whether the shared folder is there in the container.'),
  nativeSharedDirectory: text('Base, on that machine, of the folder that several runs share. Needs sharedVolumes.'),
  nvidiaDocker: flag('The container gets all GPUs.'),
  userManagedEnvironment: flag('true: the image is used as it is. false: an environment is built on it from the conda file.'),
  ...perRun,
})

export type RemoteDockerConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'remotedocker',
  aliases: ['virtualmachine'],
  summary: 'a container on a Linux machine behind SSH',
  config: toStandardJsonSchema(config),
  runOptions: toStandardJsonSchema(v.strictObject(perRun)),
  secrets: machineSecrets,
  capabilities: { environments: ['conda', 'requirements', 'user-managed'], frameworks: ['python', 'pyspark'], logs: 'live' },
  attach: {
    flags: machineFlags,
    writes: { nativeSharedDirectory: '~/.azureml/share/', sharedVolumes: true, userManagedEnvironment: false },
  },
  load: () => import('./implementation.ts'),
})
