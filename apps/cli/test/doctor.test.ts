import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { temporaryProject } from './project.ts'

it('finds nothing to mend in a good project, tells the interpreter, and makes no history', async () => {
  using project = temporaryProject()
  const finished = await project.errand('doctor', '-c', 'local')
  expect(finished).toMatchObject({ exitCode: 0, stderr: '' })
  expect(finished.stdout).not.toMatch(/^(failed|warning)/m)
  const [, interpreter = ''] = /^ok +interpreter: (.*)$/m.exec(finished.stdout) ?? []
  expect(existsSync(interpreter)).toBe(true)
  const query = ['-o', 'json', '--query', "[?name=='interpreter'].detail | [0]"]
  expect((await project.errand('doctor', '-c', 'local', ...query)).stdout).toBe(`"${interpreter}"\n`)
  expect(project.has('.errand')).toBe(false)
})

it('says of all that is wrong what to do, and goes on behind it', async () => {
  using project = temporaryProject({
    'aml_config/local.compute': 'type: local\npythonLocation: /no/such/python\n',
    'aml_config/local.runconfig':
      'Target: local\nFramework: Python\nArgumentVector: [$file]\nSecretEnvironmentVariables: [TOKEN]\nTimeLimt: 3\n',
    'aml_config/other.runconfig': 'Target: nowhere\nFramework: Python\nArgumentVector: [$file]\n',
  })
  const finished = await project.errand('doctor')
  expect(finished.exitCode).toBe(1)
  expect(finished.stdout).toMatch(
    /^warning aml_config\/local\.runconfig:5:1: unknown key TimeLimt is ignored\n +did you mean TimeLimit\?$/m,
  )
  expect(finished.stdout).toMatch(/^failed +aml_config\/other\.runconfig:1:\d+: There is no target nowhere/m)
  expect(finished.stdout).toMatch(
    /^failed +python: There is no Python called \/no\/such\/python on this machine\.\n +Install Python 3, or name/m,
  )
  expect(finished.stdout).toMatch(/^failed +secret TOKEN: has no value here\n +errand secret set TOKEN/m)
})

it('looks with -c only at what that run configuration needs', async () => {
  using project = temporaryProject()
  project.write('aml_config/other.runconfig', 'Target: nowhere\nArgumentVector: [\n')
  expect((await project.errand('doctor', '-c', 'local')).exitCode).toBe(0)
  expect((await project.errand('doctor')).exitCode).toBe(1)
  const unknown = await project.errand('doctor', '-c', 'lokal')
  expect(unknown.stdout).toBe('')
  expect(unknown).toMatchObject({ exitCode: 1, stdout: expect.not.stringContaining('folder') })
  expect(unknown.stderr).toMatch(/^ERROR: There is no run configuration lokal/)
})
