import { type CallOptions, type TargetContext, errorCode } from '@errand/core'
import { type WebHdfsClient, type WebHdfsSettings, openWebHdfsClient } from '@errand/livy'
import type { SshHost } from '@errand/ssh'
import { openHeadNodeStorage } from './head-node-storage.ts'
import { type Services, openServices } from './services.ts'
import type { ClusterConfig } from './target.ts'
import { storageWayMissing } from './ways.ts'

/** A cluster that we can talk to. */
export interface Cluster extends Services {
  readonly storage: WebHdfsClient
  /** Folder of all that errand keeps in the storage. */
  readonly home: string
  readonly headNode?: SshHost
  /** Of a storage that is reached through the head node, which can write to it without us. */
  readonly nearHeadNode?: { readonly url: string; readonly user?: string }
}

/** Opens what the configuration names, by a head node, where it is needed, that somebody else closes. */
export async function openCluster(
  context: TargetContext<ClusterConfig>,
  headNode: SshHost | undefined,
  options: CallOptions,
): Promise<Cluster> {
  const { config } = context
  const services = await openServices(context, headNode)
  try {
    const webHdfs = await findWebHdfs(config, headNode, options)
    const storage = await openStorage(context, webHdfs && { ...services.settings, ...webHdfs }, headNode, options)
    const isNear = services.settings.connect !== undefined && webHdfs?.url.startsWith('http:') === true
    const home = config.storageDirectory ?? `${await storage.homeDirectory(options)}/.errand`
    return {
      ...services,
      storage,
      home: home.replace(/\/+$/, ''),
      ...(headNode === undefined ? {} : { headNode }),
      ...(isNear ? { nearHeadNode: webHdfs } : {}),
      async [Symbol.asyncDispose]() {
        await Promise.all([services, storage].map((client) => client[Symbol.asyncDispose]()))
      },
    }
  } catch (error) {
    await services[Symbol.asyncDispose]()
    throw error
  }
}

/** Clusters without Kerberos believe whoever says who they are; behind a gateway it is the gateway that says so. */
const userOf = ({ username, proxyUser }: ClusterConfig): { readonly user?: string } => {
  const user = proxyUser ?? username
  return user === undefined ? {} : { user }
}

/** WebHDFS where it is named or the head node knows of one, else what the head node's own Spark reaches. */
async function openStorage(
  { config, target }: TargetContext<ClusterConfig>,
  webHdfs: WebHdfsSettings | undefined,
  headNode: SshHost | undefined,
  options: CallOptions,
): Promise<WebHdfsClient> {
  if (webHdfs !== undefined) return openWebHdfsClient(webHdfs)
  if (headNode !== undefined) return openHeadNodeStorage(headNode, config.proxyUser, options)
  throw storageWayMissing(target.name)
}

async function findWebHdfs(config: ClusterConfig, headNode: SshHost | undefined, options: CallOptions) {
  const url = config.webhdfsUrl ?? (headNode && (await webHdfsOf(headNode, options)))
  return url === undefined ? undefined : { url, ...userOf(config) }
}

/** Where HDFS answers over HTTP, when it is the cluster's default storage and has one name node. */
async function webHdfsOf(headNode: SshHost, options: CallOptions): Promise<string | undefined> {
  const [storage, address] = await Promise.all([
    hadoopSetting(headNode, 'fs.defaultFS', options),
    hadoopSetting(headNode, 'dfs.namenode.http-address', options),
  ])
  if (!/^hdfs:\/\/[\w.-]+:\d+\/?$/.test(storage ?? '') || !/^[\w.-]+:\d+$/.test(address ?? '')) return undefined
  return `http://${address?.replace(/^0\.0\.0\.0:/, '127.0.0.1:')}/webhdfs/v1`
}

async function hadoopSetting(headNode: SshHost, name: string, { signal }: CallOptions): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await headNode.run(['hdfs', 'getconf', '-confKey', name], { signal })
    return exitCode === 0 ? stdout.toString('utf8').trim().split('\n').at(-1) : undefined
  } catch (error) {
    if (errorCode(error) === 'COMMAND_NOT_STARTED') return undefined
    throw error
  }
}
