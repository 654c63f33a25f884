import { defineTarget } from '@errand/core'
import { flag, perRun as settings, text } from '@errand/docker-engine/schema'
import { machineFlags, machineSecrets } from '@errand/ssh/machine'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

/** What may also stand in TargetOptions, for one run configuration. */
const perRun = { ...settings, keepContainer: flag('The container stays, stopped, after its run was collected.') }

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
