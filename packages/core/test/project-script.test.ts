import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { planRun } from '../src/project/index.ts'
import { describeTarget, files, plan, planIn } from './planned-project.ts'
import { rejection, temporaryProject } from './project-folder.ts'

it.each([
  ['train.py', 'train.py'],
  ['./train.py', 'train.py'],
  ['.\\train.py', 'train.py'],
  ['.\\src\\deep.py', 'src/deep.py'],
  ['src/../train.py', 'train.py'],
])('finds the script %s', async (script, expected) => {
  expect((await plan({ script })).run?.script).toBe(expected)
})

it.each([
  ['deep.py', 'src', 'src/deep.py'],
  ['..\\train.py', 'src', 'train.py'],
  ['../../train.py', 'src/more', 'train.py'],
])('finds the script %s typed in %s', async (script, from, expected) => {
  expect((await plan({ script, from })).run?.script).toBe(expected)
})

it('reads the script of the run configuration from the project, wherever one stands', async () => {
  const more = { 'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [train.py, --x]\n' }
  expect((await plan({ script: '../train.py', from: 'src' }, more)).run?.script).toBe('train.py')
})

it.each(['../../train.py', '/etc/hostname', '\\train.py', 'C:train.py'])(
  'refuses the script %s typed in a folder of the project',
  async (script) => {
    expect((await rejection(plan({ script, from: 'src' }))).code).toBe('SCRIPT_OUTSIDE_PROJECT')
  },
)

it('takes an absolute path inside the project, also by another name of its folder', async () => {
  await using project = await temporaryProject(files)
  expect((await planIn(project, { script: join(project.directory, 'src', 'deep.py') })).run?.script).toBe('src/deep.py')
  await using other = await temporaryProject()
  await symlink(project.directory, join(other.directory, 'link'))
  expect((await planIn(project, { script: join(other.directory, 'link', 'train.py') })).run?.script).toBe('train.py')
})

it.each([
  ['../train.py', 'SCRIPT_OUTSIDE_PROJECT', undefined],
  ['/etc/hostname', 'SCRIPT_OUTSIDE_PROJECT', undefined],
  ['C:\\x\\train.py', 'SCRIPT_OUTSIDE_PROJECT', undefined],
  ['src', 'SCRIPT_IS_DIRECTORY', 'name a file in it, like src/main.py'],
  ['.', 'SCRIPT_IS_DIRECTORY', 'name a file in it, like main.py'],
  ['trian.py', 'SCRIPT_NOT_FOUND', 'did you mean train.py?'],
  ['src/dep.py', 'SCRIPT_NOT_FOUND', 'did you mean src/deep.py?'],
])('refuses the script %s with %s', async (script, code, hint) => {
  const error = await rejection(plan({ script }))
  expect(error.code).toBe(code)
  expect(hint ?? error.hint).toBe(error.hint)
})

it('refuses a script that is a link out of the project', async () => {
  await using project = await temporaryProject(files)
  await using other = await temporaryProject({ 'secret.py': '' })
  await symlink(join(other.directory, 'secret.py'), join(project.directory, 'link.py'))
  await symlink('train.py', join(project.directory, 'inside.py'))
  expect((await rejection(planIn(project, { script: 'link.py' }))).code).toBe('SCRIPT_OUTSIDE_PROJECT')
  expect((await planIn(project, { script: 'inside.py' })).run?.script).toBe('inside.py')
})

const vector = (items: string): Record<string, string> => ({
  'aml_config/local.runconfig': `Target: local\nFramework: Python\nArgumentVector: ${items}\n`,
})

it.each([
  ['[$file]', 'train.py', ['a'], 'train.py', ['a']],
  ['[$file, --x, 1]', 'train.py', ['a'], 'train.py', ['--x', '1', 'a']],
  ['[src/deep.py, --script=$file]', '.\\train.py', ['a'], 'src/deep.py', ['--script=train.py', 'a']],
  ['[src\\deep.py, --x]', undefined, ['a'], 'src/deep.py', ['--x', 'a']],
  ['[train.py, --x]', './train.py', ['a'], 'train.py', ['--x', 'a']],
])('puts the argument vector %s together with %s %j', async (items, script, added, expected, expectedArguments) => {
  await using project = await temporaryProject({ ...files, ...vector(items) })
  const options = { runConfiguration: 'local', arguments: added, ...(script === undefined ? {} : { script }) }
  const { run } = await planRun({ ...project, id: 'i' }, options, describeTarget)
  expect(run).toMatchObject({ script: expected, arguments: expectedArguments })
})

it('asks for a script when the argument vector wants one', async () => {
  await using project = await temporaryProject({ ...files, ...vector('["src/$file"]') })
  const error = await rejection(planRun({ ...project, id: 'i' }, { runConfiguration: 'local', arguments: [] }, describeTarget))
  expect(error).toEqual({
    code: 'SCRIPT_MISSING',
    message: 'Specify the script to run, with its arguments if any.',
    hint: 'or write a script in place of $file into ArgumentVector in aml_config/local.runconfig',
  })
})

it('refuses another script than the fixed one of the run configuration', async () => {
  const error = await rejection(plan({ script: 'src/deep.py' }, vector('[train.py]')))
  expect([error.code, error.hint]).toEqual(['SCRIPT_FIXED', 'leave the script out, or put $file into ArgumentVector'])
})

it('lets the command line replace the script of the successor’s form, with its arguments', async () => {
  const more = { 'aml_config/local.runconfig': 'script: train.py\narguments: [1]\ntarget: local\nenvironment: {}\n' }
  expect((await plan({ script: 'src/deep.py', arguments: ['a'] }, more)).run).toMatchObject({ script: 'src/deep.py', arguments: ['a'] })
})
