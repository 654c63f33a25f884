import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where the parts are that `./check --all` brings: PySpark in a Python environment, and the jars of Livy, HDFS and YARN. */
export interface SparkParts {
  readonly python: string
  readonly sparkHome: string
  /** `livy/jars`, `hadoop/jars` and `classes` are below it. */
  readonly livy: string
  /** `livy/jars` of a Livy 0.5 is below it. */
  readonly oldLivy: string
}

/** Why no Livy can be started here; undefined when one can. In CI it throws instead: there the tests must run. */
export function livyProblem(): string | undefined {
  const missing = ['ERRAND_PYTHON_SPARK', 'ERRAND_LIVY', 'ERRAND_LIVY_OLD'].filter((name) => process.env[name] === undefined)
  if (missing.length === 0) return undefined
  const problem = 'needs the parts spark, livy and livy-old of ./check --all'
  if (process.env['CI'] === 'true') throw new Error(`The tests with a real Livy can't run: ${missing.join(' and ')} not set`)
  return problem
}

export function sparkParts(): SparkParts {
  const environment = process.env['ERRAND_PYTHON_SPARK'] ?? ''
  const library = readdirSync(join(environment, 'lib')).find((name) => name.startsWith('python3')) ?? ''
  return {
    python: join(environment, 'bin', 'python'),
    sparkHome: join(environment, 'lib', library, 'site-packages', 'pyspark'),
    livy: process.env['ERRAND_LIVY'] ?? '',
    oldLivy: process.env['ERRAND_LIVY_OLD'] ?? '',
  }
}

/** What Livy needs of Hadoop is in PySpark. */
export function hadoopClientJars({ sparkHome }: SparkParts): readonly string[] {
  const jars = readdirSync(join(sparkHome, 'jars'))
  return jars
    .filter((name) => /^(hadoop-client-(api|runtime)|commons-logging)-.*\.jar$/.test(name))
    .map((name) => join(sparkHome, 'jars', name))
}

/** Short-lived programs start sooner with the first compiler alone. */
export const quickJava = '-XX:TieredStopAtLevel=1'

export const log4jProperties = [
  'log4j.rootLogger=INFO, console',
  'log4j.appender.console=org.apache.log4j.ConsoleAppender',
  'log4j.appender.console.target=System.err',
  'log4j.appender.console.layout=org.apache.log4j.PatternLayout',
  'log4j.appender.console.layout.ConversionPattern=%d{HH:mm:ss} %p %c{1}: %m%n',
  '',
].join('\n')
