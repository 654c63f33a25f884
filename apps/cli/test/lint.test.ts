import { expect, it } from 'vitest'
import { temporaryProject } from './project.ts'

const broken = {
  'aml_config/local.compute': 'type: local\npythonLocatoin: python3\n',
  'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nTimeLimit: soon\n',
  'aml_config/away.runconfig': 'Target: nowhere\nFramework: Python\nArgumentVector: [missing.py]\n',
  'aml_config/gpu.compute': 'type: loca\n',
  'aml_config/gpu.runconfig': 'Target: gpu\nFramework: Python\nArgumentVector: [$file]\n',
  'aml_config/conda_dependencies.yml': 'name: one\nname: two\ndependencies:\n  - python=3.12\n',
  'train.py': '',
}

it('says every problem of every file, each with its place, and fails', async () => {
  using project = temporaryProject(broken)
  const finished = await project.errand('lint')
  expect(finished.exitCode).toBe(1)
  const places = finished.stdout.split('\n').filter((line) => line.startsWith('aml_config'))
  expect(places).toEqual([
    expect.stringMatching(/^aml_config\/away\.runconfig:1:\d+: error: .*no target nowhere/),
    expect.stringMatching(/^aml_config\/away\.runconfig:3:\d+: error: .*missing\.py/),
    expect.stringMatching(/^aml_config\/conda_dependencies\.yml:2:\d+: error: .*name/),
    expect.stringMatching(/^aml_config\/gpu\.compute:1:\d+: error: There is no target type "loca"/),
    expect.stringMatching(/^aml_config\/local\.compute:2:1: warning: unknown key pythonLocatoin/),
    expect.stringMatching(/^aml_config\/local\.runconfig:4:\d+: error: TimeLimit must be/),
  ])
  expect(finished.stdout).toContain('did you mean local or localdocker?')
  expect(finished.stderr).toBe('6 files, 5 errors, 1 warning\n')
  expect(project.has('.errand')).toBe(false)
})

it('tells of the named files only, by their path from here or from the project', async () => {
  using project = temporaryProject(broken)
  const finished = await project.errand('lint', 'aml_config/local.compute', './aml_config/gpu.compute')
  expect(finished.exitCode).toBe(1)
  expect(finished.stdout.split('\n').filter((line) => line.startsWith('aml_config'))).toEqual(
    [
      expect.stringMatching(/^aml_config\/local\.compute:2:1: warning/),
      expect.stringMatching(/^aml_config\/gpu\.compute:1:\d+: error/),
    ].toReversed(),
  )
  expect(finished.stderr).toBe('2 files, 1 error, 1 warning\n')
  expect((await project.errand('lint', 'aml_config/local.compute')).exitCode).toBe(0)
  const unknown = await project.errand('lint', 'train.py')
  expect(unknown.exitCode).toBe(1)
  expect(unknown.stderr).toMatch(
    /^ERROR: train\.py is no configuration file of this project\.\nThose that a run reads are aml_config\/away\.runconfig, /,
  )
})

it('tells with a key that is there twice the other problems of the file', async () => {
  using project = temporaryProject({
    'aml_config/local.compute': 'type: local\ntype: docker\npythonLocatoin: python3\n',
    'aml_config/local.runconfig': 'Target: local\nTarget: local\nFramework: Python\nArgumentVector: [$file]\nTimeLimit: soon\n',
  })
  const { stdout } = await project.errand('lint', '-o', 'json')
  expect(JSON.parse(stdout)).toMatchObject([
    { file: 'aml_config/local.compute', line: 2, code: 'DUPLICATE_KEY' },
    { file: 'aml_config/local.compute', line: 3, severity: 'warning' },
    { file: 'aml_config/local.runconfig', line: 2, code: 'DUPLICATE_KEY' },
    { file: 'aml_config/local.runconfig', line: 5, severity: 'error' },
  ])
})

it('tells of a target that is not there beside the other errors of the file', async () => {
  using project = temporaryProject({
    'aml_config/local.compute': 'type: local\n',
    'aml_config/local.runconfig': 'Target: locall\nFramework: Python\nArgumentVector: [$file]\nTimeLimit: soon\n',
  })
  const { stdout } = await project.errand('lint', '-o', 'json')
  expect(JSON.parse(stdout)).toMatchObject([
    { file: 'aml_config/local.runconfig', message: expect.stringMatching(/^There is no target locall/) },
    { file: 'aml_config/local.runconfig', line: 4, severity: 'error' },
  ])
})

it('gives the same as data, with the exit code', async () => {
  using project = temporaryProject(broken)
  const finished = await project.errand('lint', '-o', 'json', '--query', "[?severity=='warning']")
  expect({ ...finished, stdout: JSON.parse(finished.stdout) }).toEqual({
    exitCode: 1,
    stderr: '',
    stdout: [
      {
        severity: 'warning',
        code: 'UNKNOWN_KEY',
        file: 'aml_config/local.compute',
        line: 2,
        column: 1,
        message: 'unknown key pythonLocatoin is ignored',
        hint: 'did you mean pythonLocation?',
      },
    ],
  })
})

it('passes what has nothing to mend, and lets warnings fail it only when it is told to', async () => {
  using project = temporaryProject()
  expect(await project.errand('lint')).toEqual({ exitCode: 0, stdout: '', stderr: '2 files, 0 errors, 0 warnings\n' })
  project.write('aml_config/local.compute', 'type: local\nnoSuchKey: 1\n')
  expect((await project.errand('lint')).exitCode).toBe(0)
  expect((await project.errand('lint', '--strict')).exitCode).toBe(1)
})
