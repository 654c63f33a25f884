import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Uv } from './pip-part.ts'
import { type Provider, type Wanted, lockedConda } from './provider.ts'
import type { PythonTool } from './python-tool.ts'
import type { Making } from './step.ts'

/** micromamba, mamba or conda: one command line serves all three. */
export function condaProvider(
  name: 'micromamba' | 'mamba' | 'conda',
  program: { readonly path: string; readonly version: string },
): Provider {
  return {
    name,
    version: program.version,
    create: ({ prefix, folder, channels, specs, lock }) => {
      const locked = lock === undefined ? undefined : explicitFile(lockedConda(lock))
      const file = locked === undefined ? 'specs.txt' : 'explicit.txt'
      const text = locked ?? specs.map((spec) => `${spec}\n`).join('')
      const from = locked === undefined ? ['--override-channels', ...channelFlags(channels)] : []
      const title = `installing the conda part with ${name} ${program.version}`
      return {
        files: { [file]: text },
        tools: {},
        steps: [{ title, command: [program.path, 'create', '--yes', '--prefix', prefix, ...from, '--file', `${folder}/${file}`] }],
      }
    },
  }
}

const channelFlags = (channels: readonly string[]): readonly string[] =>
  channels.flatMap((channel) => (channel === 'nodefaults' ? [] : ['--channel', channel]))

/** The form of `conda list --explicit`; undefined when the address of a package is not known. */
function explicitFile(packages: ReturnType<typeof lockedConda>): string | undefined {
  const addresses = packages.map(({ url, hash }) =>
    url === undefined ? undefined : `${url}${hash?.startsWith('md5:') === true ? `#${hash.slice(4)}` : ''}`,
  )
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
