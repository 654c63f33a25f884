import { type CallOptions, type TargetContext, errorCode } from '@errand/core'
import {
  type LivyClient,
  type ServiceSettings,
  type WebHdfsClient,
  type WebHdfsSettings,
  type YarnClient,
  openLivyClient,
  openWebHdfsClient,
  openYarnClient,
} from '@errand/livy'
import type { SshHost } from '@errand/ssh'
import { readCertificate } from './certificate.ts'
import { openHeadNodeStorage } from './head-node-storage.ts'
import { openHeadNode } from './head-node.ts'
import type { ClusterConfig } from './target.ts'
import { needsHeadNode, refuseBrokenWays, storageWayMissing } from './ways.ts'

/** A cluster that we can talk to. */
export interface Cluster extends AsyncDisposable {
  /** Shown to users. */
  readonly name: string
  readonly livy: LivyClient
  readonly storage: WebHdfsClient
  /** Folder of all that errand keeps in the storage. */
  readonly home: string
  /** The ResourceManager, by the configuration or else by an address that the cluster itself has told. */
  yarn(told: string | undefined): YarnClient | undefined
  readonly headNode?: SshHost
  /** Of a storage that is reached through the head node, which can write to it without us. */
  readonly nearHeadNode?: { readonly url: string; readonly user?: string }
}

/** Connects by the ways that the configuration names. Errors: those of `refuseBrokenWays` and of the SSH login. */
export async function openCluster(context: TargetContext<ClusterConfig>, options: CallOptions): Promise<Cluster> {
  const { config } = context
  await refuseBrokenWays(context)
  const headNode = needsHeadNode(config) ? await headNodeOf(context, options) : undefined
  try {
    const services = await servicesOf(context, headNode)
    const livy = openLivyClient({ ...services, url: config.livyUrl ?? `http://127.0.0.1:${config.livyPort}` })
    const webHdfs = await findWebHdfs(config, headNode, options)
    const storage = await openStorage(context, webHdfs && { ...services, ...webHdfs }, headNode, options)
    const isNear = services.connect !== undefined && webHdfs?.url.startsWith('http:') === true
    const yarns = new Map<string, YarnClient>()
    const home = config.storageDirectory ?? `${await storage.homeDirectory(options)}/.errand`
    return {
      name: config.livyUrl === undefined ? (headNode?.name ?? context.target.name) : new URL(config.livyUrl).host,
      livy,
      storage,
      home: home.replace(/\/+$/, ''),
      ...(headNode === undefined ? {} : { headNode }),
      ...(isNear ? { nearHeadNode: webHdfs } : {}),
      yarn(told) {
        const url = config.yarnUrl ?? yarnUrlOf(config, told)
        if (url === undefined) return undefined
        const client = yarns.get(url) ?? openYarnClient({ ...services, url, attempts: 2 })
        yarns.set(url, client)
        return client
      },
      async [Symbol.asyncDispose]() {
        await Promise.all([livy, storage, ...yarns.values()].map((client) => client[Symbol.asyncDispose]()))
        await headNode?.[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await headNode?.[Symbol.asyncDispose]()
    throw error
  }
}

async function headNodeOf(context: TargetContext<ClusterConfig>, options: CallOptions): Promise<SshHost | undefined> {
  return context.config.address === undefined ? undefined : openHeadNode(context, context.config.address, options)
}

/** How to talk to a service of the cluster, whichever it is. */
async function servicesOf(context: TargetContext<ClusterConfig>, headNode: SshHost | undefined): Promise<Omit<ServiceSettings, 'url'>> {
  const { livyUrl, clusterUsername } = context.config
  const trusted = await readCertificate(context)
  const secure = livyUrl?.startsWith('https:') === true
  const username = clusterUsername ?? (secure ? 'admin' : undefined)
  if (livyUrl !== undefined && username !== undefined)
    return { ...trusted, authentication: { kind: 'basic', username, password: await context.secret('clusterPassword') } }
  return { ...trusted, ...(livyUrl === undefined && headNode !== undefined ? { connect: (to) => headNode.connect(to) } : {}) }
}

/** Clusters without Kerberos believe whoever says who they are; behind a gateway it is the gateway that says so. */
const userOf = ({ username, proxyUser }: ClusterConfig): { readonly user?: string } => {
  const user = proxyUser ?? username
  return user === undefined ? {} : { user }
}

/** Behind a gateway YARN has a place of its own; elsewhere the address is the one that the driver has read in the cluster. */
function yarnUrlOf({ livyUrl }: ClusterConfig, told: string | undefined): string | undefined {
  if (livyUrl?.startsWith('https:') === true) return `${new URL(livyUrl).origin}/yarnui`
  return told === undefined ? undefined : `http://${told}`
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
