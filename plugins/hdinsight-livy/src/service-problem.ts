import { ErrandError, errorCode, errorMessage } from '@errand/core'

/** What a user can do about an answer of the cluster, by the code that `@errand/livy` gives it. */
const hints: Readonly<Record<string, (target: string) => string>> = {
  UNAUTHORIZED: (target) =>
    `Look at clusterUsername in ${target}.compute and store the password: errand secret set clusterPassword --target ${target}`,
  CERTIFICATE_UNTRUSTED: (target) => `When it is the right one, name its PEM file in ${target}.compute: certificateAuthority: FILE`,
  UNREACHABLE: (target) => `Look whether the cluster runs, and at the addresses in ${target}.compute.`,
  FORBIDDEN: (target) => `Look at username, proxyUser and storageDirectory in ${target}.compute.`,
  NO_SPACE: (target) => `Free space in the storage: errand clean --all -t ${target}`,
  READ_ONLY: () =>
    'After a start the storage leaves its safe mode by itself: ask again in a while. Else its administrator looks why it is in it: hdfs dfsadmin -safemode get',
  TOO_MANY_SESSIONS: () => 'Livy makes too many batches at this moment: submit again in a while.',
  GATEWAY_FAILED: () => 'The gateway can not reach the cluster at this moment: ask again in a while.',
  GATEWAY_TIMEOUT: () => 'The cluster took too long for its gateway: ask again in a while.',
  ANSWER_LOST: () => 'The connection broke: ask again. What was started goes on and is found by its run id.',
  REFUSED: (target) => `Look at ${target}.compute and at the Spark file of the project.`,
}

/** Runs a call to the cluster; its service's errors become errors that a user can act on. */
export async function explained<Value>(target: string, call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (error) {
    throw explain(target, error)
  }
}

export function explain(target: string, error: unknown): unknown {
  const code = errorCode(error)
  if (!(error instanceof Error) || error.name !== 'ServiceError' || code === undefined) return error
  const hint = hints[code]?.(target)
  return new ErrandError(`CLUSTER_${code}`, errorMessage(error), { cause: error, ...(hint === undefined ? {} : { hint }) })
}
