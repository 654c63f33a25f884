import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { bringLivy, bringOldLivy } from './livy-parts.ts'
import { bringNpmPart } from './npm-part.ts'

/**
 * Real parts that the tests need and a bare machine lacks. Each is brought once into `.toolchain/parts/` of the checkout and named to the
 * tests by an environment variable. In CI a part that can't be had is a failure; on a user's machine the tests that need it are skipped
 * and say why.
 */

const execute = promisify(execFile)
const folder = join(import.meta.dirname, '../../.toolchain/parts')
const strict = process.env['CI'] === 'true'

interface PythonPart {
  readonly variable: string
  /** What the variable names, inside the environment. Absent: the environment itself. */
  readonly program?: string
  readonly name: string
  readonly requirements: readonly string[]
  readonly slow: boolean
}

const pythonParts: readonly PythonPart[] = [
  { variable: 'ERRAND_VERMIN', program: 'bin/vermin', name: 'vermin', requirements: ['vermin==1.8.0'], slow: false },
  { variable: 'ERRAND_PYTHON_CHURN', name: 'churn', requirements: ['scikit-learn', 'pandas'], slow: true },
  { variable: 'ERRAND_PYTHON_MLFLOW', name: 'mlflow', requirements: ['mlflow==3.17.2'], slow: true },
  { variable: 'ERRAND_PYTHON_SPARK', name: 'spark', requirements: ['pyspark==3.5.7'], slow: true },
]

/** Environment variables for the tests: for each part that is there, where it is. */
export async function bringCheckParts({ all }: { readonly all: boolean }): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const part of pythonParts.filter(({ slow }) => all || !slow)) {
    await attempt(part.name, async () => void (found[part.variable] = join(await bringPythonPart(part), part.program ?? '')))
  }
  await bringPrograms(all)
  if (all) {
    Object.assign(found, await bringCluster())
    await attempt('registry', async () => void (found['ERRAND_REGISTRY'] = await bringNpmPart(join(folder, 'registry'), say)))
    await attempt('typedoc', async () => void (found['ERRAND_TYPEDOC'] = await bringNpmPart(join(folder, 'typedoc'), say)))
    await attempt('livy-old', async () => void (found['ERRAND_LIVY_OLD'] = await bringOldLivy(join(folder, 'livy-old'), say)))
  }
  return found
}

/** What a Spark cluster of one machine is made of, beside the programs of the machine. */
export async function bringCluster(): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const spark = pythonParts.find(({ name }) => name === 'spark')
  if (spark !== undefined) await attempt('spark', async () => void (found[spark.variable] = await bringPythonPart(spark)))
  await attempt('livy', async () => void (found['ERRAND_LIVY'] = await bringLivy(join(folder, 'livy'), say)))
  return found
}

/** What can't be had is a failure in CI, and said elsewhere. */
async function attempt(name: string, bring: () => Promise<void>): Promise<void> {
  try {
    await bring()
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : String(error)
    if (strict) throw new Error(`The part ${name} could not be brought: ${reason}`, { cause: error })
    say(`without ${name} (${reason}): the tests that need it are skipped`)
  }
}

function say(message: string): void {
  process.stderr.write(`check: ${message}\n`)
}

async function bringPythonPart({ name, requirements }: PythonPart): Promise<string> {
  const environment = join(folder, name)
  const marker = join(environment, 'errand-requirements.txt')
  const wanted = requirements.join('\n')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return environment
  say(`bringing ${requirements.join(', ')} into ${join('.toolchain', 'parts', name)}`)
  rmSync(environment, { recursive: true, force: true })
  await makeVirtualEnvironment(environment)
  await execute(join(environment, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements], {
    maxBuffer: 1e8,
  })
  writeFileSync(marker, wanted)
  return environment
}

async function makeVirtualEnvironment(directory: string): Promise<void> {
  const make = () => execute('python3', ['-m', 'venv', directory])
  try {
    await make()
  } catch (error) {
    // Debian keeps ensurepip in a package of its own.
    rmSync(directory, { recursive: true, force: true })
    if (!(await installPackages(['python3-venv']))) throw new Error('python3 -m venv does not work; install python3-venv', { cause: error })
    await make()
  }
}

/** True when the packages were installed: that needs root and a Debian machine. */
async function installPackages(names: readonly string[]): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  say(`installing ${names.join(', ')}`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await execute('apt-get', ['update', '-q'], { env: environment, maxBuffer: 1e8 })
  await execute('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], { env: environment, maxBuffer: 1e8 })
  return true
}

/** Programs of the machine that tests use. */
const programs = [
  { program: 'dockerd', packages: ['docker.io', 'iptables', 'iproute2'], use: 'the test with a Docker engine', slow: false },
  { program: 'docker-registry', packages: ['docker-registry'], use: 'the test of pulling an image', slow: false },
  { program: 'zsh', packages: ['zsh'], use: 'the test of completion', slow: false },
  { program: 'fish', packages: ['fish'], use: 'the test of completion', slow: false },
  { program: 'javac', packages: ['default-jdk-headless'], use: 'Spark', slow: true },
  { program: 'mvn', packages: ['maven'], use: 'the part livy', slow: true },
  { program: 'openssl', packages: ['openssl'], use: 'the tests of a gateway', slow: true },
  { program: 'gnome-keyring-daemon', packages: ['gnome-keyring', 'dbus'], use: 'the test of the keychain', slow: true },
]

async function bringPrograms(all: boolean): Promise<void> {
  for (const { program, packages, use } of programs.filter(({ slow }) => all || !slow)) {
    if (isOnPath(program) || (await installPackages(packages))) continue
    const message = `${use} needs ${program} (Debian: ${packages.join(', ')}), and it could not be installed here`
    if (strict) throw new Error(message)
    say(message)
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)))
}
