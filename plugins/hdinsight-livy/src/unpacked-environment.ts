import { ErrandError, type Prepared, type RunRequest } from '@errand/core'
import type { BatchRequest } from '@errand/livy'
import type { ClusterConfig } from './target.ts'

/** An environment that YARN unpacks for the driver and for each executor; a driver on Livy's machine unpacks its own. */
export interface UnpackedEnvironment {
  readonly key: string
  /** Path of its archive in the storage. */
  readonly archive: string
  /** Of the conda file, to be set for the script. */
  readonly variables: Readonly<Record<string, string>>
}

/** The folder that it is in, below the working folder of a driver or executor. */
export const unpackedFolder = 'environment'

const python = `./${unpackedFolder}/bin/python`

/** The environment of a run, by what its prepare has left; undefined for the cluster's own Python. Error: `ENVIRONMENT_UNKNOWN`. */
export function unpackedEnvironment({ environment }: RunRequest, { data, environmentKey }: Prepared): UnpackedEnvironment | undefined {
  if (environment.kind === 'user-managed') return undefined
  if (typeof data === 'object' && data !== null && 'archive' in data) return data as unknown as UnpackedEnvironment
  throw new ErrandError('ENVIRONMENT_UNKNOWN', `What was prepared (${environmentKey}) is no environment of a cluster.`, {
    hint: 'Submit again.',
  })
}

/** What a batch says of it. Every road by which a cluster may name another Python leads to this one. */
export function batchEnvironment(
  { archive, variables }: UnpackedEnvironment,
  mode: ClusterConfig['yarnDeployMode'],
): Required<Pick<BatchRequest, 'archives' | 'conf'>> {
  // On Livy's own machine the driver begins with that machine's Python and brings the environment for the script; for executors it is unpacked.
  const driver =
    mode === 'client'
      ? {}
      : {
          'spark.pyspark.python': python,
          'spark.pyspark.driver.python': python,
          'spark.yarn.appMasterEnv.PYSPARK_PYTHON': python,
          'spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON': python,
          'spark.yarn.appMasterEnv.PYTHONNOUSERSITE': '1',
        }
  return {
    archives: [`${archive}#${unpackedFolder}`],
    conf: {
      ...driver,
      'spark.executorEnv.PYSPARK_PYTHON': python,
      'spark.executorEnv.PYTHONNOUSERSITE': '1',
      ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`spark.executorEnv.${name}`, value])),
    },
  }
}
