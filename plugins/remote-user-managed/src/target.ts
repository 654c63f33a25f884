import { defineTarget } from '@errand/core'
import { machineFlags, machineSecrets } from '@errand/ssh/machine'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const config = v.object({
  address: v.pipe(
    v.string(),
    v.nonEmpty('no host is named'),
    v.description('The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.'),
  ),
  username: v.pipe(v.string(), v.nonEmpty('no user is named'), v.description('User to log in as.')),
  privateKey: v.optional(
    v.pipe(v.string(), v.description('Key to log in with: project for the one of attach -k, another name of the key store, or a path.')),
  ),
  pythonLocation: v.optional(
    v.pipe(v.string(), v.description('Interpreter there that runs the script: a path, or a name on the PATH.')),
    'python',
  ),
  sparkSubmitLocation: v.optional(
    v.pipe(v.string(), v.description('Program there that starts Spark, for Framework: PySpark.')),
    'spark-submit',
  ),
  nativeSharedDirectory: v.optional(
    v.pipe(v.string(), v.description('Base, on that machine, of the folder that several runs share. Absent: none.')),
  ),
  userManagedEnvironment: v.optional(
    v.pipe(
      v.boolean(),
      v.description('true: runs use your own Python there as it is. false: an environment is made there from the dependency file.'),
    ),
    true,
  ),
  environmentProvider: v.optional(
    v.pipe(
      v.picklist(['micromamba', 'mamba', 'conda', 'rattler', 'uv']),
      v.description('What makes environments there. Absent: the best that is there.'),
    ),
  ),
  condaLocation: v.optional(
    v.pipe(v.string(), v.description('Path there of micromamba, mamba, conda or uv. Absent: as found on the PATH.')),
  ),
})

export type RemoteConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'remote',
  summary: 'a process on a Linux machine behind SSH',
  config: toStandardJsonSchema(config),
  secrets: machineSecrets,
  capabilities: { environments: ['user-managed', 'conda', 'requirements'], frameworks: ['python', 'pyspark'], logs: 'live' },
  attach: {
    flags: machineFlags,
    writes: { pythonLocation: 'python', userManagedEnvironment: true },
  },
  load: () => import('./implementation.ts'),
})
