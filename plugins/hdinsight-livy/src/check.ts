import { type CallOptions, type Finding, type TargetContext, errorMessage } from '@errand/core'
import { type SshHost, checkMachine } from '@errand/ssh'
import type { Cluster } from './cluster.ts'
import { openBuilder } from './environment-builder.ts'
import { machineOf } from './head-node.ts'
import { explain } from './service-problem.ts'
import { type Services, openServices } from './services.ts'
import type { ClusterConfig } from './target.ts'
import { goesThroughHeadNode, refuseBrokenWays } from './ways.ts'

/** What is looked at, opened by whoever needs it first. */
interface Openings {
  headNode(): Promise<SshHost>
  cluster(): Promise<Cluster>
}

/** Looks at every hop, changing nothing. One that is not passed hides those behind it alone. */
export async function* checkCluster(context: TargetContext<ClusterConfig>, open: Openings, options: CallOptions): AsyncGenerator<Finding> {
  const { config, target } = context
  const found = async (name: string, look: () => Promise<string>): Promise<Finding> => {
    try {
      return { name, outcome: 'ok', detail: await look() }
    } catch (error) {
      options.signal.throwIfAborted()
      const explained = explain(target.name, error)
      const hint = explained instanceof Error && 'hint' in explained && typeof explained.hint === 'string' ? { hint: explained.hint } : {}
      return { name, outcome: 'failed', detail: errorMessage(explained), ...hint }
    }
  }
  const isBehind = goesThroughHeadNode(config)
  const way = await found('way', async () => {
    await refuseBrokenWays(context)
    return wayOf(config, isBehind)
  })
  yield way
  if (way.outcome === 'failed') return
  const headNode = isBehind ? yield* checkMachine(machineOf(context), () => open.headNode(), options.signal) : undefined
  const isCut = isBehind && headNode === undefined
  if (isCut && config.livyUrl === undefined) return
  let services: Services | undefined
  try {
    yield await found('livy', async () => {
      services = await openServices(context, headNode)
      return versionOf(services, options)
    })
    if (!isCut) yield await found('storage', async () => homeIn(await open.cluster(), options))
    if (!config.userManagedEnvironment && !isCut) yield await found('environments', () => nameOfBuilder(context, headNode, options))
    const yarn = services?.yarn(undefined)
    if (yarn !== undefined) yield await found('yarn', async () => (await yarn.applicationsWithTag('errand', options), 'YARN answers'))
  } finally {
    await services?.[Symbol.asyncDispose]()
  }
}

function wayOf({ livyUrl, address }: ClusterConfig, isBehind: boolean): string {
  if (!isBehind) return `${livyUrl}, without a head node`
  return livyUrl === undefined ? `through the head node ${address}` : `${livyUrl}, and the head node ${address} for the storage`
}

async function versionOf({ livy }: Services, options: CallOptions): Promise<string> {
  const { version } = await livy.version(options)
  await livy.list({ size: 1 }, options)
  return `Livy ${version} answers`
}

async function homeIn({ storage, home }: Cluster, options: CallOptions): Promise<string> {
  const folder = await storage.status(home, options)
  return folder === undefined ? `${home} will be made` : `${home} is there, of ${folder.owner}`
}

async function nameOfBuilder(context: TargetContext<ClusterConfig>, headNode: SshHost | undefined, options: CallOptions): Promise<string> {
  await using builder = await openBuilder(context, headNode === undefined ? {} : { headNode }, options)
  return `environments are made on ${builder.host.name}, in ${builder.home}`
}
