import { defineTarget } from '@errand/core'
import { machineFlags, machineSecrets } from '@errand/ssh/machine'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const text = (description: string) => v.optional(v.pipe(v.string(), v.nonEmpty('it is empty'), v.description(description)))
const address = (description: string) =>
  v.optional(v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/, 'a URL is wanted: https://…'), v.description(description)))
const memory = (description: string) =>
  v.optional(v.pipe(v.string(), v.regex(/^\d+[kmgtKMGT][bB]?$/, 'write a number and a unit, 2g for example'), v.description(description)))
const count = (description: string) => v.optional(v.pipe(v.number(), v.integer(), v.minValue(1, 'at least 1'), v.description(description)))

const config = v.object({
  address: text('Head node for SSH: HOST, HOST:PORT, or a name of your SSH configuration. HDInsight: NAME-ssh.azurehdinsight.net.'),
  username: text('User to log in as on the head node, and owner of the files in the storage.'),
  privateKey: text('Key to log in with: project for the one of attach -k, another name of the key store, or a path.'),
  livyUrl: address("Livy's address: https://NAME.azurehdinsight.net/livy. Absent: it is reached through the head node."),
  livyPort: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535), v.description('Port of Livy on the head node.')),
    8998,
  ),
  webhdfsUrl: address('WebHDFS of the storage, up to /webhdfs/v1; through the head node when that is the only way in.'),
  yarnUrl: address("YARN's ResourceManager, where /ws/v1 begins. Absent: the cluster is asked for it."),
  clusterUsername: text('Login of the gateway. Default for https: admin.'),
  certificateAuthority: text('File with the PEM certificate that the gateway is signed with, when the system does not know it.'),
  storageDirectory: text("Folder for errand's files in the cluster's storage. Absent: .errand in the user's home there."),
  yarnDeployMode: v.optional(
    v.pipe(v.picklist(['cluster', 'client']), v.description("Where the driver runs. client must be allowed by Livy's administrator.")),
    'cluster',
  ),
  proxyUser: text('User whom Livy runs the driver as, where it may choose.'),
  queue: text('Queue of YARN.'),
  driverMemory: memory('Memory of the driver, 2g for example.'),
  driverCores: count('Cores of the driver.'),
  executorMemory: memory('Memory of each executor.'),
  executorCores: count('Cores of each executor.'),
  numExecutors: count('Number of executors.'),
  userManagedEnvironment: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "true: runs use the cluster's own Python as it is. false: the environment of the conda file is made and sent to the cluster.",
      ),
    ),
    true,
  ),
  environmentBuilder: v.optional(
    v.pipe(
      v.picklist(['headNode', 'local']),
      v.description('Where environments are made: the head node, or this machine when the cluster is Linux of the same kind.'),
    ),
    'headNode',
  ),
  environmentProvider: v.optional(
    v.pipe(
      v.picklist(['micromamba', 'mamba', 'conda', 'rattler']),
      v.description('What makes them there. Absent: the best that is there.'),
    ),
  ),
  condaLocation: text('Path there of micromamba, mamba or conda. Absent: as found on the PATH.'),
})

export type ClusterConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'cluster',
  summary: 'a Spark cluster through Livy, HDInsight for example',
  config: toStandardJsonSchema(config),
  secrets: {
    clusterPassword: { description: 'Password of the gateway', optional: true },
    ...machineSecrets,
  },
  capabilities: { environments: ['user-managed', 'conda'], frameworks: ['pyspark', 'python'], logs: 'polled' },
  attach: {
    flags: machineFlags,
    writes: { userManagedEnvironment: true, yarnDeployMode: 'cluster' },
  },
  load: () => import('./implementation.ts'),
})
