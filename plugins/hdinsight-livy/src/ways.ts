import { ErrandError, type TargetContext, errorCode, errorMessage } from '@errand/core'
import type { Diagnostic } from '@errand/core/project'
import { sshOptions } from '@errand/ssh'
import { readCertificate } from './certificate.ts'
import { machineOf } from './head-node.ts'
import type { ClusterConfig } from './target.ts'

/**
 * Looks at all that a `.compute` file says of the ways to its cluster, before anything is connected to. Errors: `CLUSTER_WAY_MISSING`,
 * `STORAGE_WAY_MISSING`, `USERNAME_MISSING`, `KEY_NOT_FOUND`, `CERTIFICATE_UNREADABLE`; of several one `CONFIGURATION_INVALID`.
 */
export async function refuseBrokenWays(context: TargetContext<ClusterConfig>): Promise<void> {
  const results = await Promise.allSettled([refuseMissingWay(context), refuseBrokenLogin(context), readCertificate(context)])
  const problems = results.filter((result) => result.status === 'rejected').map(({ reason }): unknown => reason)
  if (problems.length === 0) return
  if (problems.length === 1) throw problems[0]
  const { configurationError } = await import('@errand/core/project')
  throw configurationError(problems.map((problem) => diagnosticOf(problem, `aml_config/${context.target.name}.compute`)))
}

function diagnosticOf(problem: unknown, file: string): Diagnostic {
  const found = { severity: 'error', code: errorCode(problem) ?? '', file, message: errorMessage(problem) } as const
  return problem instanceof ErrandError && problem.hint !== undefined ? { ...found, hint: problem.hint } : found
}

/** Whether the configuration has something that only the head node leads to. */
const needsHeadNode = ({ livyUrl, webhdfsUrl }: ClusterConfig): boolean => livyUrl === undefined || webhdfsUrl === undefined

/** Whether it is what the configuration names for that. */
export const goesThroughHeadNode = (config: ClusterConfig): boolean => config.address !== undefined && needsHeadNode(config)

async function refuseMissingWay({ config, target }: TargetContext<ClusterConfig>): Promise<void> {
  if (config.address !== undefined || !needsHeadNode(config)) return
  if (config.livyUrl === undefined)
    throw new ErrandError('CLUSTER_WAY_MISSING', `The target ${target.name} names no way to its cluster.`, {
      hint: `Add \`livyUrl: https://…/livy\`, or the head node (address and username), to ${target.name}.compute.`,
    })
  throw storageWayMissing(target.name)
}

export const storageWayMissing = (target: string): ErrandError =>
  new ErrandError('STORAGE_WAY_MISSING', `The target ${target} has no way to the storage of its cluster.`, {
    hint: `Add \`webhdfsUrl: https://…/webhdfs/v1\`, or the head node (address and username), to ${target}.compute.`,
  })

async function refuseBrokenLogin(context: TargetContext<ClusterConfig>): Promise<void> {
  if (goesThroughHeadNode(context.config)) sshOptions(machineOf(context))
}
