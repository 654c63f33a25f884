import type { TargetContext } from '@errand/core'
import { type LivyClient, type ServiceSettings, type YarnClient, openLivyClient, openYarnClient } from '@errand/livy'
import type { SshHost } from '@errand/ssh'
import { readCertificate } from './certificate.ts'
import type { ClusterConfig } from './target.ts'

/** What of a cluster answers also when its storage does not. */
export interface Services extends AsyncDisposable {
  /** Of the cluster, as users are shown it. */
  readonly name: string
  readonly livy: LivyClient
  /** The ResourceManager, by the configuration or else by an address that the cluster itself has told. */
  yarn(told: string | undefined): YarnClient | undefined
  /** How to talk to a service of the cluster, whichever it is. */
  readonly settings: Omit<ServiceSettings, 'url'>
}

/** Connects to nothing yet. The head node is needed where the configuration names no `livyUrl`. Errors: those of a secret. */
export async function openServices(context: TargetContext<ClusterConfig>, headNode: SshHost | undefined): Promise<Services> {
  const { config } = context
  const settings = await settingsOf(context, headNode)
  const livy = openLivyClient({ ...settings, url: config.livyUrl ?? `http://127.0.0.1:${config.livyPort}` })
  const yarns = new Map<string, YarnClient>()
  return {
    name: config.livyUrl === undefined ? (headNode?.name ?? context.target.name) : new URL(config.livyUrl).host,
    livy,
    yarn(told) {
      const url = config.yarnUrl ?? yarnUrlOf(config, told)
      if (url === undefined) return undefined
      const client = yarns.get(url) ?? openYarnClient({ ...settings, url, attempts: 2 })
      yarns.set(url, client)
      return client
    },
    settings,
    async [Symbol.asyncDispose]() {
      await Promise.all([livy, ...yarns.values()].map((client) => client[Symbol.asyncDispose]()))
    },
  }
}

async function settingsOf(context: TargetContext<ClusterConfig>, headNode: SshHost | undefined): Promise<Services['settings']> {
  const { livyUrl, clusterUsername } = context.config
  const trusted = await readCertificate(context)
  const secure = livyUrl?.startsWith('https:') === true
  const username = clusterUsername ?? (secure ? 'admin' : undefined)
  if (livyUrl !== undefined && username !== undefined)
    return { ...trusted, authentication: { kind: 'basic', username, password: await context.secret('clusterPassword') } }
  return { ...trusted, ...(livyUrl === undefined && headNode !== undefined ? { connect: (to) => headNode.connect(to) } : {}) }
}

/** Behind a gateway YARN has a place of its own; elsewhere the address is the one that the driver has read in the cluster. */
function yarnUrlOf({ livyUrl }: ClusterConfig, told: string | undefined): string | undefined {
  if (livyUrl?.startsWith('https:') === true) return `${new URL(livyUrl).origin}/yarnui`
  return told === undefined ? undefined : `http://${told}`
}
