import type { RunRequest } from '@errand/core'
import type { RunImage } from './run-image.ts'

/** The program in front of a PySpark script. Packages of the Spark file are in the image already, and Ivy finds them there. */
export function sparkLaunch(
  { framework, spark }: RunRequest,
  { python, sparkSubmit, sparkPackages }: RunImage,
): { readonly launch?: readonly string[]; readonly environment?: Readonly<Record<string, string>> } {
  if (framework !== 'pyspark') return {}
  const list = (flag: string, values: readonly string[]) => (values.length === 0 ? [] : [flag, values.join(',')])
  return {
    launch: [
      sparkSubmit ?? 'spark-submit',
      ...(sparkPackages === undefined ? [] : ['--conf', `spark.jars.ivy=${sparkPackages}`]),
      ...Object.entries(spark?.configuration ?? {}).flatMap(([key, value]) => ['--conf', `${key}=${value}`]),
      ...list('--repositories', spark?.repositories ?? []),
      ...list(
        '--packages',
        (spark?.packages ?? []).map(({ group, artifact, version }) => `${group}:${artifact}:${version}`),
      ),
    ],
    environment: { PYSPARK_PYTHON: python, PYSPARK_DRIVER_PYTHON: python },
  }
}
