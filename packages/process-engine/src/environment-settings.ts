import { ErrandError } from '@errand/core'
import type { EnvironmentPlace } from './managed-environment.ts'

const programNames = ['micromamba', 'mamba', 'conda', 'uv'] as const

/** The keys of a `.compute` file that say how an environment is made. */
export interface EnvironmentSettings {
  readonly environmentProvider?: EnvironmentPlace['provider'] | undefined
  readonly condaLocation?: string | undefined
}

/** As a place of the engine has it. Error: `PROGRAM_UNKNOWN` for a `condaLocation` that is not named like one of the programs. */
export function environmentSettings({
  environmentProvider,
  condaLocation,
}: EnvironmentSettings): Pick<EnvironmentPlace, 'provider' | 'programs'> {
  return {
    ...(environmentProvider === undefined ? {} : { provider: environmentProvider }),
    ...(condaLocation === undefined ? {} : { programs: { [programOf(condaLocation)]: condaLocation } }),
  }
}

function programOf(path: string): (typeof programNames)[number] {
  const found = programNames.find((name) => name === path.split('/').at(-1))
  if (found !== undefined) return found
  throw new ErrandError('PROGRAM_UNKNOWN', `condaLocation is ${path}, whose last part is none of ${programNames.join(', ')}.`, {
    hint: 'Write the path of the program itself, like /opt/conda/bin/conda.',
  })
}
