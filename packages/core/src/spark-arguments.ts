import type { SparkDependencies } from './request.ts'

/** What `spark-submit` is told of the Spark file. Order of `--conf` as in the file, so that a later line wins as it does there. */
export function sparkArguments({ configuration, repositories, packages }: SparkDependencies): readonly string[] {
  const list = (flag: string, values: readonly string[]) => (values.length === 0 ? [] : [flag, values.join(',')])
  return [
    ...Object.entries(configuration).flatMap(([key, value]) => ['--conf', `${key}=${value}`]),
    ...list('--repositories', repositories),
    ...list(
      '--packages',
      packages.map(({ group, artifact, version }) => `${group}:${artifact}:${version}`),
    ),
  ]
}
