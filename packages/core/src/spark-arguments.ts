import type { SparkDependencies } from './request.ts'

/**
 * The Spark file with each list in one place: Spark takes repositories and packages from lists of their own, or else from its configuration
 * (`spark.jars.packages`), never from both.
 */
export function gatherSpark({ configuration, repositories, packages }: SparkDependencies): {
  readonly configuration: SparkDependencies['configuration']
  readonly repositories: readonly string[]
  /** `group:artifact:version` */
  readonly packages: readonly string[]
} {
  const named = (key: string) => itemsOf(configuration[key] ?? '')
  const isList = ([key]: readonly [string, string]) =>
    ['spark.jars.repositories', 'spark.jars.packages'].includes(key) && named(key).length > 0
  return {
    configuration: Object.fromEntries(Object.entries(configuration).filter((entry) => !isList(entry))),
    repositories: [...repositories, ...named('spark.jars.repositories')],
    packages: [...packages.map(({ group, artifact, version }) => `${group}:${artifact}:${version}`), ...named('spark.jars.packages')],
  }
}

const itemsOf = (list: string): readonly string[] =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** What `spark-submit` is told of the Spark file. Order of `--conf` as in the file, so that a later line wins as it does there. */
export function sparkArguments(spark: SparkDependencies): readonly string[] {
  const { configuration, repositories, packages } = gatherSpark(spark)
  const list = (flag: string, values: readonly string[]) => (values.length === 0 ? [] : [flag, values.join(',')])
  return [
    ...Object.entries(configuration).flatMap(([key, value]) => ['--conf', `${key}=${value}`]),
    ...list('--repositories', repositories),
    ...list('--packages', packages),
  ]
}
