import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../packages/testkit/src/servers/free-ports.ts'
import { startServerProcess, untilReady } from '../../packages/testkit/src/servers/server-process.ts'

/** A registry of npm packages that serves ours from its own disk, and all others from where this machine has them. */
export interface Registry extends AsyncDisposable {
  /** For npm and pnpm: the registry, a token that it takes, a cache of their own. */
  readonly environment: NodeJS.ProcessEnv
}

/** Starts verdaccio, from the folder that `./check --all` brought it into, with its files in `directory`. */
export async function startRegistry(part: string, directory: string): Promise<Registry> {
  mkdirSync(directory, { recursive: true })
  const [port] = await freePorts(1)
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  const configuration = {
    storage: join(directory, 'storage'),
    uplinks: { upstream: { url: upstream, maxage: '1d', timeout: '60s' } },
    packages: {
      '@errand/*': { access: '$all', publish: '$all' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    log: { type: 'stdout', level: 'warn' },
  }
  // YAML holds every JSON.
  writeFileSync(join(directory, 'config.yaml'), JSON.stringify(configuration))
  writeFileSync(join(directory, 'npmrc'), `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=anybody\n`)
  const program = join(part, 'node_modules/verdaccio/bin/verdaccio')
  const server = await startServerProcess(
    [process.execPath, program, '--config', join(directory, 'config.yaml'), '--listen', `127.0.0.1:${port}`],
    { env: process.env, logFile: join(directory, 'log'), cwd: directory },
  )
  await untilReady(server, async () => (await fetch(`http://127.0.0.1:${port}/-/ping`)).ok, { what: 'verdaccio' })
  const own = {
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_userconfig: join(directory, 'npmrc'),
    npm_config_cache: join(directory, 'cache'),
    npm_config_store_dir: join(directory, 'store'),
  }
  return { environment: { ...process.env, ...own }, [Symbol.asyncDispose]: () => server.stop() }
}
