import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryProject } from './project.ts'

it('keeps a secret from stdin, lists its name, shows its value nowhere, and forgets it', async () => {
  using project = temporaryProject()
  const value = 'tr0ub4dor & 3'
  const set = await project.errandWith({ input: `${value}\n` }, 'secret', 'set', 'password', '--target', 'gpu')
  expect(set.exitCode).toBe(0)
  const file = join(project.parent, 'config/secrets.json')
  expect(set.stdout).toContain(file)
  expect(readFileSync(file, 'utf8')).toContain(JSON.stringify(value))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const list = await project.errand('secret', 'list')
  expect(JSON.parse(list.stdout)).toEqual([{ name: 'password', target: 'gpu', source: 'file' }])
  expect(`${set.stdout}${set.stderr}${list.stdout}${list.stderr}`).not.toContain(value)
  expect(await project.errand('secret', 'delete', 'password')).toMatchObject({ exitCode: 1, stdout: '' })
  expect(await project.errand('secret', 'delete', 'password', '-t', 'gpu')).toMatchObject({ exitCode: 0 })
  expect(JSON.parse((await project.errand('secret', 'list')).stdout)).toEqual([])
})

it('refuses an empty value', async () => {
  using project = temporaryProject()
  const { exitCode, stderr } = await project.errandWith({ input: '\n' }, 'secret', 'set', 'token')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^ERROR: .*token is empty/)
  const ofTarget = await project.errandWith({ input: '\n' }, 'secret', 'set', 'password', '--target', 'gpu')
  expect(ofTarget.stderr).toContain('errand secret delete password --target gpu\n')
})

it('makes no files where there is nothing to list', async () => {
  using project = temporaryProject()
  expect(JSON.parse((await project.errand('secret', 'list')).stdout)).toEqual([])
  expect(JSON.parse((await project.errand('history', 'list')).stdout)).toEqual([])
  expect(project.has('.errand')).toBe(false)
})

it('asks for the value on a terminal without showing what is typed', async () => {
  using project = temporaryProject()
  const shown = await project.inTerminal({ after: 'Value of token:', typed: 'hunter2!\r' }, 'secret', 'set', 'token')
  expect(shown.exitCode).toBe(0)
  expect(shown.stdout).toContain('Secret token kept')
  expect(shown.stdout).not.toContain('hunter2')
  expect(readFileSync(join(project.parent, 'config/secrets.json'), 'utf8')).toContain('"hunter2!"')
})

it('keeps nothing after Ctrl-C at the question', async () => {
  using project = temporaryProject()
  const shown = await project.inTerminal({ after: 'Value of token:', typed: 'half\u0003' }, 'secret', 'set', 'token')
  expect(shown.exitCode).toBe(130)
  expect(JSON.parse((await project.errand('secret', 'list')).stdout)).toEqual([])
})
