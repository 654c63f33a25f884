import { type RunRequest, sparkArguments } from '@errand/core'
import type { RunImage } from './run-image.ts'

/** The program in front of a PySpark script. Packages of the Spark file are in the image already, and Ivy finds them there. */
export function sparkLaunch(
  { framework, spark }: RunRequest,
  { python, sparkSubmit, sparkPackages }: RunImage,
): { readonly launch?: readonly string[]; readonly environment?: Readonly<Record<string, string>> } {
  if (framework !== 'pyspark') return {}
  return {
    launch: [
      sparkSubmit ?? 'spark-submit',
      ...(sparkPackages === undefined ? [] : ['--conf', `spark.jars.ivy=${sparkPackages}`]),
      ...(spark === undefined ? [] : sparkArguments(spark)),
    ],
    environment: { PYSPARK_PYTHON: python, PYSPARK_DRIVER_PYTHON: python },
  }
}
