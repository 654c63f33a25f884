import { expect, it } from 'vitest'
import { planPrepare } from '../src/project/index.ts'
import { describeTarget, files, planIn } from './planned-project.ts'
import { temporaryProject } from './project-folder.ts'

const conda = `dependencies:
- python=3.5.2
- conda-forge::scikit-learn=0.18
- pytorch
- cudatoolkit=9
- pip:
  - --extra-index-url https://user:c4nary@example.com/simple
  - Azure_ML-api.sdk==0.1
  - https://user:c4nary@example.com/simple/wheel-1.0-py3-none-any.whl
  - requests[security]>=2
`

const expectsOf = async (text: string, target: string) => {
  await using project = await temporaryProject({
    ...files,
    'aml_config/vm.runconfig': 'Target: vm\nFramework: Python\n',
    'aml_config/conda_dependencies.yml': text,
  })
  const { environment } = await planPrepare({ ...project, id: 'id1' }, { runConfiguration: target }, describeTarget)
  const run = await planIn(project, { runConfiguration: target })
  return { prepare: environment.environment, run: run.environment.environment }
}

it('tells a prepare which Python packages a conda file lists that the target does not use, and a run nothing of it', async () => {
  const { prepare, run } = await expectsOf(conda, 'vm')
  expect(prepare).toEqual({
    kind: 'user-managed',
    expects: { file: 'aml_config/conda_dependencies.yml', packages: ['azure-ml-api-sdk', 'requests', 'scikit-learn', 'torch'] },
  })
  expect(run).toEqual({ kind: 'user-managed' })
})

it('says nothing of a file that lists nothing or can not be read', async () => {
  for (const text of ['', 'dependencies:\n- python=3.6\n', 'dependencies: [\n'])
    expect((await expectsOf(text, 'vm')).prepare).toEqual({ kind: 'user-managed' })
})
