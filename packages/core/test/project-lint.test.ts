import { expect, it } from 'vitest'
import { ErrandError } from '../src/errors.ts'
import { lintProject } from '../src/project/index.ts'
import { outline, temporaryProject } from './project-folder.ts'

/** As on a machine where nothing is installed. */
const nothingInstalled = async (type: string): Promise<never> => {
  throw new ErrandError('TARGET_TYPE_NOT_INSTALLED', `The target type "${type}" is not installed.`, { hint: 'install it' })
}

it('checks the files of types that are not installed as far as it can, and says so', async () => {
  await using project = await temporaryProject({
    'aml_config/box.compute': 'type: docker\nbaseDockerImage: python:3.12\n',
    'aml_config/box.runconfig': 'Target: box\nFramework: Python\nArgumentVector: [$file]\nTimeLimt: 5\n',
  })
  const { files, diagnostics } = await lintProject(project, nothingInstalled)
  expect(files).toEqual(['aml_config/box.compute', 'aml_config/box.runconfig'])
  expect(outline(diagnostics)).toEqual(['note TARGET_TYPE_NOT_INSTALLED 1', 'warning UNKNOWN_KEY 4'])
  expect(diagnostics[0]).toMatchObject({ column: 1, hint: 'install it' })
})

it('reads dependency files also where no target uses them, and every one that a run configuration names', async () => {
  await using project = await temporaryProject({
    'aml_config/conda_dependencies.yml': 'name: a\nname: b\n',
    'aml_config/gpu.yml': 'dependencies: 3\n',
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nCondaDependenciesFile: aml_config/gpu.yml\n',
  })
  const { files, diagnostics } = await lintProject(project, nothingInstalled)
  expect(files).toContain('aml_config/gpu.yml')
  expect(diagnostics.filter(({ severity }) => severity === 'error').map(({ file, line }) => `${file}:${line}`)).toEqual([
    'aml_config/conda_dependencies.yml:2',
    'aml_config/gpu.yml:1',
  ])
})
