import type { DockerfileLines } from '@errand/conda'
import type { SparkDependencies } from '@errand/core'
import { labels } from './labels.ts'

/** Spark's cache of packages in an image: `spark.jars.ivy` of a run points here, and nothing is fetched again. */
export const sparkPackagesFolder = '/opt/errand/spark'

export interface Dockerfile {
  readonly text: string
  /** More files of the context. */
  readonly files: Readonly<Record<string, string>>
  readonly titles: ReadonlyMap<string, string>
}

interface DockerfileParts {
  /** Id or name that the builder knows. */
  readonly base: string
  /** The base image's own user, who is the environment image's too. */
  readonly user: string
  readonly environment: Pick<DockerfileLines, 'lines' | 'titles'>
  readonly spark?: SparkDependencies & { readonly submit: string }
}

/** For both builders: no heredocs, no mounts. What changes most is last. */
export function dockerfile({ base, user, environment, spark }: DockerfileParts): Dockerfile {
  const titles = new Map([...environment.titles].filter(([line]) => environment.lines.includes(line)))
  const packages = spark === undefined ? undefined : sparkLine(spark)
  if (packages !== undefined) titles.set(packages, 'fetching the Spark packages')
  const lines = [
    `FROM ${base}`,
    // Also what a build leaves half made can be told from other images by it.
    `LABEL ${labels.kind}=build`,
    'USER 0',
    ...(packages === undefined ? [] : ['COPY errand/spark/ /opt/errand/build/spark/', packages]),
    ...environment.lines,
    ...(user === '' ? [] : [`USER ${user}`]),
  ]
  return {
    text: lines.map((line) => `${line}\n`).join(''),
    files: packages === undefined ? {} : { 'errand/spark/nothing.py': '# Spark fetches packages before it runs a script.\n' },
    titles,
  }
}

function sparkLine({ submit, packages, repositories }: NonNullable<DockerfileParts['spark']>): string | undefined {
  if (packages.length === 0) return undefined
  const words = [
    submit,
    '--master',
    "'local[1]'",
    '--conf',
    `spark.jars.ivy=${sparkPackagesFolder}`,
    '--packages',
    packages.map(({ group, artifact, version }) => quote(`${group}:${artifact}:${version}`)).join(','),
    ...(repositories.length === 0 ? [] : ['--repositories', repositories.map(quote).join(',')]),
    '/opt/errand/build/spark/nothing.py',
  ]
  return `RUN ${words.join(' ')} && chmod -R a+rwX ${sparkPackagesFolder}`
}

const quote = (text: string): string => (/^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
