import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { attachType, attachableType, planAttach, writeAttach } from '../src/project/index.ts'
import type { TargetDefinition } from '../src/target.ts'
import { rejection, temporaryProject } from './project-folder.ts'

const moon: TargetDefinition = {
  contract: 1,
  type: 'moon',
  summary: 'a crater',
  config: toStandardJsonSchema(
    v.object({
      landingSite: v.pipe(v.string(), v.description('Where to land.')),
      crewSize: v.optional(v.number()),
      isDark: v.optional(v.boolean(), false),
      nativeSharedDirectory: v.optional(v.string()),
    }),
  ),
  secrets: { password: { description: 'Password' } },
  capabilities: { environments: ['user-managed'], frameworks: ['python'], logs: 'live' },
  attach: {
    flags: {
      landingSite: { char: 'l', aliases: ['site'], help: 'The place to land at.' },
      useBeacon: { boolean: true, help: 'Light a beacon.', writes: { beacon: 'project' } },
    },
    writes: { isDark: true },
  },
  load: () => Promise.reject(new Error('not needed')),
}

it('makes options of the schema, of the secrets and of what the type does beyond its file', () => {
  const { settings } = attachableType('moon', moon)
  expect(settings.map(({ name, flag, role, kind, required }) => [name, flag, role, kind, required])).toEqual([
    ['landingSite', 'landing-site', 'key', 'text', true],
    ['crewSize', 'crew-size', 'key', 'number', false],
    ['isDark', 'is-dark', 'key', 'boolean', false],
    ['nativeSharedDirectory', 'native-shared-directory', 'key', 'text', false],
    ['password', 'password', 'secret', 'text', false],
    ['useBeacon', 'use-beacon', 'action', 'boolean', false],
  ])
  expect(settings[0]).toMatchObject({ char: 'l', aliases: ['landingSite', 'site'], summary: 'The place to land at.' })
})

it('writes what was given, what its options imply and what the type always writes, in alphabetical order', async () => {
  await using project = await temporaryProject()
  const type = attachableType('moon', moon)
  const given = { landingSite: ' Mare Nubium ', crewSize: '3', useBeacon: true, nativeSharedDirectory: 'share\\deep' }
  const plan = await planAttach(project, { name: 'tycho', type, given })
  expect(plan.actions).toEqual({ useBeacon: true })
  await writeAttach(project, plan)
  expect(await readFile(join(project.directory, 'aml_config/tycho.compute'), 'utf8')).toBe(
    'beacon: project\ncrewSize: 3\nisDark: true\nlandingSite: Mare Nubium\nnativeSharedDirectory: share/deep\ntype: moon\n',
  )
})

it('writes text that YAML would read as something else in quotes, so that it is read as it was given', async () => {
  await using project = await temporaryProject()
  for (const landingSite of ['true', '12', '~', 'a: b', '# no comment', '[x]', 'null', "it's"]) {
    const plan = await planAttach(project, { name: 'tycho', type: attachableType('moon', moon), given: { landingSite }, overwrite: true })
    await writeAttach(project, plan)
    const { loadTarget } = await import('../src/project/index.ts')
    expect((await loadTarget(project, 'tycho')).values['landingSite']).toBe(landingSite)
  }
})

it('refuses what the schema of the type refuses', async () => {
  await using project = await temporaryProject()
  const type = attachableType('moon', moon)
  expect(await rejection(planAttach(project, { name: 'tycho', type, given: { landingSite: 'x', crewSize: 'many' } }))).toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringContaining('crewSize'),
  })
  expect(await rejection(planAttach(project, { name: 'tycho', type, given: {} }))).toMatchObject({ code: 'OPTION_MISSING' })
})

it('a file that appears between the check and the writing stays', async () => {
  await using project = await temporaryProject()
  const type = attachableType('moon', moon)
  const [first, second] = [
    await planAttach(project, { name: 'tycho', type, given: { landingSite: 'one' } }),
    await planAttach(project, { name: 'tycho', type, given: { landingSite: 'two' } }),
  ]
  await writeAttach(project, first)
  expect(await rejection(writeAttach(project, second))).toMatchObject({ code: 'FILE_EXISTS' })
  expect(await readFile(join(project.directory, 'aml_config/tycho.compute'), 'utf8')).toContain('landingSite: one')
})

it('knows the words of the original and of installed types, in any case', () => {
  const words = ['remotedocker', 'RemoteDocker', 'virtualmachine', 'localdocker', 'cluster', 'moon']
  expect(words.map((word) => attachType(word, ['moon']))).toEqual([
    'remotedocker',
    'remotedocker',
    'remotedocker',
    'docker',
    'cluster',
    'moon',
  ])
  expect(() => attachType('moon', [])).toThrow('no target type')
  expect(() => attachType('amlcompute', [])).toThrow('cloud service')
})
