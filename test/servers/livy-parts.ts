import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * The jars of a Livy server and of the daemons of HDFS and YARN, from Maven Central. Spark itself is PySpark, a part of its own. What is
 * made of them is started by `@errand/testkit/servers`.
 */

const execute = promisify(execFile)
const sources = join(import.meta.dirname, 'livy')
const names = ['livy.pom.xml', 'hadoop.pom.xml', 'Cluster.java']
const oldVersion = '0.5.0-incubating'

/** Brings the jars into the folder, unless they are there. Needs `mvn` and `javac`. */
export async function bringLivy(folder: string, say: (message: string) => void): Promise<string> {
  const hash = createHash('sha256')
  for (const name of names) hash.update(readFileSync(join(sources, name)))
  const wanted = hash.digest('hex')
  const marker = join(folder, 'complete')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return folder
  say(`bringing Livy, HDFS and YARN into ${join('.toolchain', 'parts', 'livy')}; about two minutes`)
  rmSync(folder, { recursive: true, force: true })
  const classes = join(folder, 'classes')
  // The daemons look for these on the class path, and need nothing to be in them.
  for (const page of ['hdfs', 'datanode']) mkdirSync(join(classes, 'webapps', page), { recursive: true })
  const jars = (name: string) => join(folder, name, 'jars')
  const copy = (name: string) => copyJars(join(sources, `${name}.pom.xml`), jars(name))
  await Promise.all([copy('livy'), copy('hadoop')])
  await run('javac', ['-cp', `${jars('hadoop')}/*`, '-d', classes, join(sources, 'Cluster.java')])
  writeFileSync(marker, wanted)
  return folder
}

/** The jars of a Livy as HDInsight has it, which knows batches by number alone. */
export async function bringOldLivy(folder: string, say: (message: string) => void): Promise<string> {
  const pom = readFileSync(join(sources, 'livy.pom.xml'), 'utf8').replace(
    /(<artifactId>livy-server<\/artifactId>\s*<version>)[^<]+/,
    `$1${oldVersion}`,
  )
  const marker = join(folder, 'complete')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === pom) return folder
  say(`bringing Livy ${oldVersion} into ${join('.toolchain', 'parts', 'livy-old')}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'pom.xml'), pom)
  await copyJars(join(folder, 'pom.xml'), join(folder, 'livy', 'jars'))
  writeFileSync(marker, pom)
  return folder
}

function copyJars(pom: string, to: string): Promise<void> {
  return run('mvn', ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${to}`])
}

async function run(program: string, parameters: readonly string[]): Promise<void> {
  await execute(program, parameters, { maxBuffer: 1e8 })
}
