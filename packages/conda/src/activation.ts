import type { PreparedEnvironment } from './prepare-environment.ts'

/**
 * Variables for a script that runs in the environment, beside its `bin` as the first folder of PATH. Empty ones take away what the user's own
 * shell would bring into it: folders of modules of another Python. Source of `AZUREML_CONDA_ENVIRONMENT_PATH`: the script contract.
 */
export function activation({
  prefix,
  lock,
  variables,
}: Pick<PreparedEnvironment, 'prefix' | 'lock' | 'variables'>): Readonly<Record<string, string>> {
  const isVirtual = lock.provider.startsWith('uv ')
  return {
    PYTHONHOME: '',
    PYTHONPATH: '',
    PYTHONNOUSERSITE: '1',
    CONDA_PREFIX: isVirtual ? '' : prefix,
    VIRTUAL_ENV: isVirtual ? prefix : '',
    AZUREML_CONDA_ENVIRONMENT_PATH: prefix,
    ...variables,
  }
}
