import { ErrandError, type Host, type SparkDependencies, sparkArguments } from '@errand/core'
import { askPython } from './interpreter.ts'

/** Where a pip-installed PySpark keeps its own launcher. */
const findPyspark = 'import os, pyspark; print(os.path.join(os.path.dirname(pyspark.__file__), "bin", "spark-submit"))'

/** The `spark-submit` of a PySpark that is installed in the interpreter. */
export const packagedSparkSubmit = (host: Host, python: string, signal: AbortSignal): Promise<string | undefined> =>
  askPython(host, python, findPyspark, signal)

/**
 * The program that starts Spark: the one that the user named, else `spark-submit` on the PATH, else that of a PySpark installed in the
 * interpreter. Error: `SPARK_NOT_FOUND`.
 */
export async function findSparkSubmit(host: Host, python: string, named: string | undefined, signal: AbortSignal): Promise<string> {
  if (named !== undefined && named !== 'spark-submit') return named
  const onPath = await host.run(['sh', '-c', 'command -v spark-submit'], { signal })
  if (onPath.exitCode === 0) return onPath.stdout.toString('utf8').trim()
  const packaged = await packagedSparkSubmit(host, python, signal)
  if (packaged !== undefined) return packaged
  throw new ErrandError(
    'SPARK_NOT_FOUND',
    `There is neither spark-submit on the PATH of ${host.name} nor a pyspark package in ${python}.`,
    {
      hint: `Install it (${python} -m pip install pyspark), or name the program with sparkSubmitLocation in the .compute file.`,
    },
  )
}

/** The command line in front of the script. */
export const sparkCommand = (sparkSubmit: string, spark: SparkDependencies | undefined): readonly string[] => [
  sparkSubmit,
  ...(spark === undefined ? [] : sparkArguments(spark)),
]
