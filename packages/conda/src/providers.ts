import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dropCredentials } from '@errand/core'
import { optional } from './optional.ts'
import type { Uv } from './uv.ts'
import { type Provider, type ProviderName, type Wanted, lockedConda } from './provider.ts'
import { compareVersions } from './python-version.ts'
import type { PythonTool } from './python-tool.ts'
import type { Making, Step } from './step.ts'

/** micromamba, mamba or conda: one command line serves all three, but for channels with credentials. */
export function condaProvider(
  name: 'micromamba' | 'mamba' | 'conda',
  program: { readonly path: string; readonly version: string },
): Provider {
  return {
    name,
    version: program.version,
    create: (wanted) => {
      const { prefix, folder } = wanted
      const { files, arguments: rest, environment } = sourceOf(wanted, readsCondarc(name, program.version))
      const title = `installing the conda part with ${name} ${program.version}`
      const command = [program.path, 'create', '--yes', '--prefix', prefix, ...rest, '--file', `${folder}/${Object.keys(files)[0] ?? ''}`]
      return { files, tools: {}, steps: [{ title, command, ...optional('environment', environment) }] }
    },
  }
}

/** What the program reads, the file of specs first, and what goes with it. */
interface CondaSource {
  readonly files: Readonly<Record<string, string>>
  readonly arguments: readonly string[]
  readonly environment?: Step['environment']
}

/** Every user of a machine can read the arguments of a program: channels with credentials stand in a file. */
function sourceOf({ folder, channels, specs, lock }: Wanted, isConda: boolean): CondaSource {
  const locked = lock === undefined ? undefined : explicitFile(lockedConda(lock), channels)
  if (locked !== undefined) return { files: { 'explicit.txt': locked }, arguments: [] }
  const only = channels.filter((channel) => channel !== 'nodefaults')
  const named = new Map(only.filter(isClosed).map((channel, index) => [channel, `errand-${index + 1}`]))
  const list = { 'specs.txt': specs.map((spec) => `${condaLine(spec)}\n`).join('') }
  const flags = ['--override-channels', ...only.flatMap((channel) => ['--channel', named.get(channel) ?? channel])]
  if (named.size === 0) return { files: list, arguments: flags }
  // JSON is YAML that every reader of it takes.
  if (isConda) {
    const channelsByName = Object.fromEntries([...named].map(([channel, name]) => [name, [channel]]))
    const condarc = `${JSON.stringify({ custom_multichannels: channelsByName })}\n`
    return { files: { ...list, condarc }, arguments: flags, environment: { CONDARC: `${folder}/condarc` } }
  }
  // `nodefaults` is to micromamba what `--override-channels` is on a command line.
  const environment = { channels: [...only, 'nodefaults'], dependencies: specs.map(condaLine) }
  return { files: { 'environment.yml': `${JSON.stringify(environment)}\n` }, arguments: [] }
}

/** The first mamba is conda with another solver; the second is micromamba. */
const readsCondarc = (name: ProviderName, version: string): boolean =>
  name === 'conda' || (name === 'mamba' && compareVersions(version, '2') < 0)

const isClosed = (channel: string): boolean => dropCredentials(channel) !== channel

/** In a file conda takes `python=3.6` for that very version, and on a command line for any 3.6, as everybody means it. */
const condaLine = (spec: string): string => spec.trim().replace(/^((?:[^\s=<>!~]+::)?[\w.-]+)\s*=\s*([\w.!+]+)$/, '$1=$2.*')

/** The form of `conda list --explicit`; undefined when the address of a package is not known. A lock has none of the credentials of the channels. */
function explicitFile(packages: ReturnType<typeof lockedConda>, channels: readonly string[]): string | undefined {
  const closed = channels.map((channel) => channel.replace(/\/*$/, '/')).filter(isClosed)
  const addresses = packages.map(({ url, hash }) => {
    const channel = closed.find((item) => url?.startsWith(dropCredentials(item)))
    const address = channel === undefined ? url : url?.replace(dropCredentials(channel), () => channel)
    return address === undefined ? undefined : `${address}${hash?.startsWith('md5:') === true ? `#${hash.slice(4)}` : ''}`
  })
  return addresses.includes(undefined) ? undefined : `@EXPLICIT\n${addresses.join('\n')}\n`
}

/** The solver and installer of pixi, as a library of PyPI in a tool environment of our own. */
export function rattlerProvider(tool: PythonTool): Provider {
  return {
    name: 'rattler',
    version: tool.version,
    create: (wanted) => {
      const specs =
        wanted.lock === undefined
          ? wanted.specs
          : lockedConda(wanted.lock).map(({ name, version, build }) => `${name} ==${version} ${build ?? '*'}`)
      const { prefix, platform, channels } = wanted
      return {
        files: {
          'rattler_driver.py': readFileSync(fileURLToPath(new URL('../python/rattler_driver.py', import.meta.url)), 'utf8'),
          'rattler.json': JSON.stringify({ prefix, platform, channels, specs }),
        },
        tools: { rattler: tool.tool },
        steps: [
          {
            title: `installing the conda part with rattler ${tool.version}`,
            command: [tool.python, `${wanted.folder}/rattler_driver.py`, `${wanted.folder}/rattler.json`],
            tool: 'rattler',
          },
        ],
      }
    },
  }
}

/** A virtual environment of a Python that the place has: exact when the conda part asks for Python and pip only. */
export function uvProvider(uv: Uv, python: { readonly path: string; readonly version: string }): Provider {
  return {
    name: 'uv',
    version: uv.version,
    python: python.version.split('.').slice(0, 2).join('.'),
    create: ({ prefix }: Wanted): Making => ({
      files: {},
      tools: uv.tool === undefined ? {} : { uv: uv.tool },
      steps: [
        {
          title: `making an environment of Python ${python.version} with uv ${uv.version}`,
          command: [...uv.command, 'venv', '--no-project', '--no-config', '--python', python.path, prefix],
          environment: { UV_PYTHON_DOWNLOADS: 'never' },
          tool: 'uv',
        },
      ],
    }),
  }
}
