import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './free-ports.ts'
import { type ServerProcess, startServerProcess, untilReady } from './server-process.ts'
import { hadoopClientJars, log4jProperties, quickJava, sparkParts } from './spark-parts.ts'

/** A real Livy server on 127.0.0.1. */
export interface Livy extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly pid: number
  /** Local mode: files below it may be named as a batch's `file`. */
  readonly directory: string
  log(): string
  /** It crashes and comes back at the same port, has forgotten every batch and counts from 0. One that is stopped ends its batches instead. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Lines of `livy.conf` beyond the port; environment and class path of the server. */
export interface LivySettings {
  readonly lines: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly classPath?: readonly string[]
  /** A Livy 0.5, which knows no names of batches. */
  readonly old?: boolean
}

/** Livy with Spark on this machine: `local[1]`. About 6 s. Tests that need a cluster start `startYarn`. */
export async function startLivy(lines: readonly string[] = []): Promise<Livy> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-livy-'))
  const jobs = join(directory, 'jobs')
  mkdirSync(jobs)
  const { python } = sparkParts()
  const livy = await launchLivy(directory, {
    lines: ['livy.spark.master = local[1]', `livy.file.local-dir-whitelist = ${jobs}/`, ...lines],
    environment: { PYSPARK_PYTHON: python },
  })
  const stop = async () => {
    await livy.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return {
    port: livy.port,
    url: livy.url,
    get pid() {
      return livy.pid
    },
    directory: jobs,
    log: livy.log,
    restart: livy.restart,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Starts a Livy whose files are below a folder of the caller, who deletes it. */
export async function launchLivy(directory: string, settings: LivySettings): Promise<Livy> {
  const parts = sparkParts()
  const [port = 0] = await freePorts(1)
  const configuration = join(directory, 'livy-conf')
  for (const folder of [configuration, join(directory, 'livy-logs'), join(directory, 'livy-home')]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(configuration, 'log4j.properties'), log4jProperties)
  writeFileSync(
    join(configuration, 'livy.conf'),
    [
      'livy.server.host = 127.0.0.1',
      `livy.server.port = ${port}`,
      'livy.server.csrf-protection.enabled = true',
      'livy.server.session.timeout-check = false',
      ...settings.lines,
      '',
    ].join('\n'),
  )
  const classPath = [
    configuration,
    ...(settings.classPath ?? []),
    join(settings.old === true ? parts.oldLivy : parts.livy, 'livy', 'jars', '*'),
    ...hadoopClientJars(parts),
  ]
  const command = ['java', '-Xmx256m', quickJava, '-cp', classPath.join(':'), 'org.apache.livy.server.LivyServer']
  const env = {
    ...process.env,
    SPARK_HOME: parts.sparkHome,
    SPARK_LOCAL_IP: '127.0.0.1',
    SPARK_SUBMIT_OPTS: quickJava,
    LIVY_CONF_DIR: configuration,
    LIVY_HOME: join(directory, 'livy-home'),
    LIVY_LOG_DIR: join(directory, 'livy-logs'),
    ...settings.environment,
  }
  const url = `http://127.0.0.1:${port}`
  const start = async (): Promise<ServerProcess> => {
    const server = await startServerProcess(command, { env, logFile: join(directory, 'livy.log'), cwd: directory })
    await untilReady(server, async () => (await fetch(`${url}/version`)).ok, { what: 'Livy' })
    return server
  }
  let server = await start()
  const stop = () => server.stop()
  return {
    port,
    url,
    get pid() {
      return server.pid
    },
    directory,
    log: () => server.log(),
    async restart() {
      await server.crash()
      server = await start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
