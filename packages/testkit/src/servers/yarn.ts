import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './free-ports.ts'
import { type HadoopPorts, hadoopConfiguration, hadoopPortNames, sparkDefaults } from './hadoop-configuration.ts'
import { type Livy, launchLivy } from './livy.ts'
import { type ServerProcess, startServerProcess, untilReady } from './server-process.ts'
import { log4jProperties, quickJava, sparkParts } from './spark-parts.ts'

/** Real HDFS, YARN and a Livy that submits to it in cluster mode, all on 127.0.0.1. About 1 GiB while idle, 15 to 20 s to start. */
export interface Yarn extends AsyncDisposable {
  readonly livy: Livy
  readonly ports: HadoopPorts
  /** `http://127.0.0.1:PORT/webhdfs/v1` */
  readonly webHdfsUrl: string
  /** `http://127.0.0.1:PORT`, the ResourceManager's. */
  readonly yarnUrl: string
  /** `HADOOP_CONF_DIR` for programs of the cluster. */
  readonly configuration: string
  /** `SPARK_CONF_DIR` likewise. */
  readonly sparkConfiguration: string
  readonly directory: string
  /** Of HDFS, and with it of YARN's ResourceManager. */
  readonly storage: Pick<ServerProcess, 'suspend' | 'resume'>
  /** One more Livy with the storage of the same cluster, and with lines of `livy.conf` of its own. It ends with the cluster. */
  startLivy(kind: LivyKind, lines?: readonly string[]): Promise<Livy>
  stop(): Promise<void>
}

/** `old` is Livy 0.5, as HDInsight has it; `client` has the drivers on its own machine; `local` leaves YARN alone. */
type LivyKind = 'cluster' | 'old' | 'client' | 'local'

const linesOf: Readonly<Record<LivyKind, readonly string[]>> = {
  cluster: ['livy.spark.master = yarn', 'livy.spark.deploy-mode = cluster'],
  old: ['livy.spark.master = yarn', 'livy.spark.deploy-mode = cluster'],
  client: ['livy.spark.master = yarn', 'livy.spark.deploy-mode = client'],
  local: ['livy.spark.master = local[1]'],
}

export interface YarnSettings {
  /** Megabytes that YARN may give to containers. Default 4096: two small applications at once. */
  readonly memory?: number
  /** More lines of `livy.conf`. */
  readonly livyLines?: readonly string[]
}

export async function startYarn({ memory = 4096, livyLines = [] }: YarnSettings = {}): Promise<Yarn> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-yarn-'))
  const started: { stop(): Promise<void> }[] = []
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()))
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
  try {
    const parts = sparkParts()
    const { ports, configuration } = await configureHadoop(directory, memory)
    const sparkConfiguration = writeFiles(join(directory, 'spark-conf'), {
      'spark-defaults.conf': sparkDefaults(parts.python, parts.sparkHome),
    })
    const yarnUrl = `http://127.0.0.1:${ports.managerWeb}`
    const [storage, nodes] = await Promise.all([
      startDaemons('hdfs,rm', { directory, configuration }),
      startDaemons('nm', { directory, configuration }),
    ])
    started.push(storage, nodes)
    const startOne = async (folder: string, kind: LivyKind, lines: readonly string[] = []): Promise<Livy> => {
      const livy = await launchLivy(folder, {
        lines: [...linesOf[kind], 'livy.server.yarn.poll-interval = 1s', ...livyLines, ...lines],
        environment: { HADOOP_CONF_DIR: configuration, SPARK_CONF_DIR: sparkConfiguration, PYSPARK_PYTHON: parts.python },
        classPath: [configuration],
        old: kind === 'old',
      })
      started.unshift(livy)
      return livy
    }
    const livy = await startOne(directory, 'cluster')
    await untilReady(storage, () => hasNode(yarnUrl), { what: 'YARN' })
    return {
      livy,
      ports,
      webHdfsUrl: webHdfsUrl(ports),
      yarnUrl,
      configuration,
      sparkConfiguration,
      directory,
      storage,
      startLivy: (kind, lines) => startOne(join(directory, kind), kind, lines),
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function configureHadoop(directory: string, memory: number) {
  const found = await freePorts(hadoopPortNames.length)
  const ports = Object.fromEntries(hadoopPortNames.map((name, index) => [name, found[index] ?? 0])) as unknown as HadoopPorts
  return { ports, configuration: writeFiles(join(directory, 'hadoop-conf'), hadoopConfiguration(join(directory, 'data'), ports, memory)) }
}

/** HDFS alone. About 6 s. */
export async function startHdfs(): Promise<AsyncDisposable & { readonly webHdfsUrl: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-hdfs-'))
  const { ports, configuration } = await configureHadoop(directory, 0)
  const server = await startDaemons('hdfs', { directory, configuration })
  return {
    webHdfsUrl: webHdfsUrl(ports),
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const webHdfsUrl = ({ nameNodeWeb }: HadoopPorts): string => `http://127.0.0.1:${nameNodeWeb}/webhdfs/v1`

function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries({ 'log4j.properties': log4jProperties.replace('INFO', 'WARN'), ...files }))
    writeFileSync(join(folder, name), content)
  return folder
}

async function startDaemons(
  roles: string,
  { directory, configuration }: { readonly directory: string; readonly configuration: string },
): Promise<ServerProcess> {
  const { livy } = sparkParts()
  const ready = join(directory, `ready-${roles}`)
  const classPath = [configuration, join(livy, 'classes'), join(livy, 'hadoop', 'jars', '*')].join(':')
  const settings = ['--add-opens', 'java.base/java.lang=ALL-UNNAMED', `-Djava.io.tmpdir=${directory}`]
  const server = await startServerProcess(['java', '-Xmx384m', quickJava, ...settings, '-cp', classPath, 'Cluster', roles, ready], {
    env: process.env,
    logFile: join(directory, `${roles}.log`),
    cwd: directory,
  })
  await untilReady(server, async () => existsSync(ready), { what: `Hadoop's ${roles}` })
  return server
}

async function hasNode(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/ws/v1/cluster/metrics`)
  const { clusterMetrics } = (await answer.json()) as { clusterMetrics: { activeNodes: number } }
  return clusterMetrics.activeNodes === 1
}
