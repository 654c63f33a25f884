import { type EnvironmentLock, ErrandError } from '@errand/core'
import { type EnvironmentContent, specName } from './content.ts'
import { micromambaPins, micromambaProgram } from './micromamba.ts'
import type { Uv } from './uv.ts'
import type { PlaceFacts, Program } from './place.ts'
import { type Provider, type ProviderName, lockedConda } from './provider.ts'
import { condaProvider, rattlerProvider, uvProvider } from './providers.ts'
import { compareVersions, pythonFits, pythonSpec } from './python-version.ts'
import { rattlerTool, uvTool } from './python-tool.ts'

export interface ProviderChoice {
  readonly home: string
  readonly facts: PlaceFacts
  readonly content: EnvironmentContent
  /** The one that the user asks for. */
  readonly provider?: ProviderName
  /** Not with a Python of the place. */
  readonly relocatable?: boolean
  readonly lock?: EnvironmentLock
}

/** uv for the pip section: the place's own, else ours from PyPI where a Python can run it. */
export function uvOf(home: string, facts: PlaceFacts): Uv | undefined {
  const found = facts.programs['uv']
  if (found !== undefined) return { command: [found.path], version: found.version }
  const python = facts.pythons.find(({ version }) => compareVersions(version, '3.8') >= 0)
  if (python === undefined) return undefined
  const { tool, program, version } = uvTool(home, python)
  return { command: [program], version, tool }
}

/**
 * uv where it is exact; else what the place has (micromamba, mamba, conda); else rattler; else a micromamba that we bring.
 * Errors: `PROVIDER_NOT_AVAILABLE`.
 */
export function chooseProvider(choice: ProviderChoice): Provider {
  const { provider } = choice
  if (provider !== undefined) return makers[provider](choice) ?? notAvailable(choice, provider)
  const order: readonly (() => Provider | undefined)[] = [
    () => (uvIsExact(choice) ? makers.uv(choice) : undefined),
    () => makers.micromamba(choice),
    () => makers.mamba(choice),
    () => makers.conda(choice),
    () => makers.rattler(choice),
    () => downloadedMicromamba(choice),
  ]
  for (const make of choice.content.kind === 'requirements' ? [() => makers.uv(choice)] : order) {
    const found = make()
    if (found !== undefined) return found
  }
  return notAvailable(choice, undefined)
}

const makers: Readonly<Record<ProviderName, (choice: ProviderChoice) => Provider | undefined>> = {
  micromamba: ({ facts }) => condaTool('micromamba', facts.programs['micromamba']),
  mamba: ({ facts }) => condaTool('mamba', facts.programs['mamba']),
  conda: ({ facts }) => condaTool('conda', facts.programs['conda']),
  rattler: ({ home, facts }) => {
    const python = facts.pythons.find(({ version }) => compareVersions(version, '3.10') >= 0)
    return python === undefined ? undefined : rattlerProvider(rattlerTool(home, python))
  },
  uv: (choice) => {
    const uv = uvOf(choice.home, choice.facts)
    const python = pythonForUv(choice)
    return uv === undefined || python === undefined ? undefined : uvProvider(uv, python)
  },
}

function condaTool(name: 'micromamba' | 'mamba' | 'conda', program: Program | undefined): Provider | undefined {
  return program === undefined ? undefined : condaProvider(name, program)
}

/** The newest Python of the place that the file, or the lock, asks for. A requirements file asks for none: the place's own. */
function pythonForUv({ facts, content, lock }: ProviderChoice): Program | undefined {
  const locked = lock?.packages.find(({ name }) => name === 'python')?.version
  const spec = locked === undefined ? pythonSpec(content.conda) : `python==${locked}`
  const candidates = spec === undefined ? [facts.python, ...facts.pythons] : facts.pythons
  return candidates.find(({ version }) => compareVersions(version, '3.8') >= 0 && (spec === undefined || pythonFits(spec, version)))
}

function uvIsExact({ content, lock, relocatable }: ProviderChoice): boolean {
  if (relocatable === true) return false
  if (lock !== undefined) return lockedConda(lock).length === 0
  return content.conda.every((spec) => ['python', 'pip'].includes(specName(spec)))
}

function downloadedMicromamba({ home, facts }: ProviderChoice): Provider | undefined {
  const pin = micromambaPins[facts.platform]
  return pin === undefined ? undefined : condaProvider('micromamba', { path: micromambaProgram(home), version: pin.version })
}

function notAvailable({ content, facts }: ProviderChoice, provider: ProviderName | undefined): never {
  const python = `${pythonSpec(content.conda) ?? 'Python'} (3.8 or newer) with pip`
  const reasons: Readonly<Record<ProviderName, string>> = {
    micromamba: 'there is no micromamba',
    mamba: 'there is no mamba',
    conda: 'there is no conda',
    rattler: 'rattler needs a Python 3.10 or newer',
    uv: `uv needs ${python}`,
  }
  const reason =
    provider === undefined
      ? content.kind === 'requirements'
        ? reasons.uv
        : 'there is neither a conda tool nor a Python 3.10'
      : reasons[provider]
  const have = facts.pythons.map(({ version }) => version).join(', ') || 'none'
  throw new ErrandError(
    'PROVIDER_NOT_AVAILABLE',
    `${content.file} can't be made into an environment on ${facts.hostname}: ${reason} (Pythons found: ${have}).`,
    {
      hint: 'Install micromamba or Python 3.10 or newer there, or name another provider.',
    },
  )
}
