import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { installedTargets, loadDefinition, openTargetCatalogue } from '../src/targets.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-targets-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
}

const definition = (type: string, contract = 1): string =>
  `export default { contract: ${contract}, type: '${type}', summary: '', config: {}, capabilities: {}, load() { throw new Error('loaded') } }`

/** A plugin that notes in a global when its module runs. */
async function plugin(path: string, name: string, type: string, module = definition(type)): Promise<void> {
  await write(
    `${path}/package.json`,
    JSON.stringify({ name, version: '1.2.3', type: 'module', errand: { targets: { [type]: './target.js' } } }),
  )
  await write(`${path}/target.js`, module)
}

it('finds the types of a package, of the dependencies of a package and of a folder of packages', async () => {
  await plugin('alone', '@x/alone', 'alone')
  await write('application/package.json', JSON.stringify({ name: 'application', dependencies: { '@x/direct': '1', plain: '1' } }))
  await plugin('application/node_modules/@x/direct', '@x/direct', 'direct')
  await plugin('application/node_modules/indirect', 'indirect', 'indirect')
  await write('application/node_modules/plain/package.json', '{"name": "plain"}')
  await plugin('modules/@y/scoped', '@y/scoped', 'scoped')
  await plugin('modules/flat', 'flat', 'flat')
  const { targets, broken } = await installedTargets([
    { directory: join(folder, 'application'), origin: 'built-in' },
    { directory: join(folder, 'modules'), origin: 'installed' },
    { directory: join(folder, 'alone'), origin: 'linked' },
    { directory: join(folder, 'not-there'), origin: 'installed' },
  ])
  expect(broken).toEqual([])
  expect(targets.map(({ type, package: name, version, origin }) => [type, name, version, origin])).toEqual([
    ['alone', '@x/alone', '1.2.3', 'linked'],
    ['direct', '@x/direct', '1.2.3', 'built-in'],
    ['flat', 'flat', '1.2.3', 'installed'],
    ['scoped', '@y/scoped', '1.2.3', 'installed'],
  ])
})

it('runs no code of a plugin while it lists', async () => {
  await plugin('modules/loud', 'loud', 'loud', 'globalThis.loudPluginRan = true\nthrow new Error("no")')
  const { targets } = await installedTargets([{ directory: join(folder, 'modules'), origin: 'installed' }])
  expect(targets.map(({ type }) => type)).toEqual(['loud'])
  expect('loudPluginRan' in globalThis).toBe(false)
})

it('names broken packages with the reason and keeps the others', async () => {
  await plugin('modules/good', 'good', 'good')
  await write('modules/syntax/package.json', '{"name": ')
  await write('modules/absent/package.json', '{"name": "absent", "errand": {"targets": {"absent": "./dist/target.js"}}}')
  await write('modules/outside/package.json', '{"name": "outside", "errand": {"targets": {"outside": "../good/target.js"}}}')
  await write('modules/number/package.json', '{"name": "number", "errand": {"targets": {"number": 1}}}')
  await write('modules/newer/package.json', '{"name": "newer", "errand": {"contract": 2, "targets": {"newer": "./target.js"}}}')
  const { targets, broken } = await installedTargets([{ directory: join(folder, 'modules'), origin: 'installed' }])
  expect(targets.map(({ type }) => type)).toEqual(['good'])
  const reasons = Object.fromEntries(broken.map((one) => [one.package.replace(/.*\//, ''), one.reason]))
  expect(Object.keys(reasons).toSorted()).toEqual(['absent', 'newer', 'number', 'outside', 'syntax'])
  expect(reasons['absent']).toContain('./dist/target.js, which is not there')
  expect(reasons['outside']).toContain('leads out of the package')
  expect(reasons['number']).toContain('is no path')
  expect(reasons['newer']).toContain('contract 2')
  expect(reasons['syntax']).toContain("package.json can't be read")
})

it('refuses a type that two packages claim and names both', async () => {
  await plugin('modules/one', 'one', 'spark')
  await plugin('modules/two', 'two', 'spark')
  const installed = await installedTargets([{ directory: join(folder, 'modules'), origin: 'installed' }])
  expect(installed.targets).toEqual([])
  await expect(loadDefinition('spark', installed)).rejects.toMatchObject({
    code: 'TARGET_PACKAGE_BROKEN',
    message: expect.stringMatching(/one, two/),
    hint: 'Uninstall all of these packages but one.',
  })
})

it('takes a linked package instead of the installed one of the same name, also through a symbolic link', async () => {
  await plugin('modules/@x/target', '@x/target', 'place')
  await plugin('checkout', '@x/target', 'place')
  await mkdir(join(folder, 'links'))
  await symlink(join(folder, 'checkout'), join(folder, 'links', 'target'))
  const { targets, broken } = await installedTargets([
    { directory: join(folder, 'links'), origin: 'linked' },
    { directory: join(folder, 'modules'), origin: 'installed' },
  ])
  expect(broken).toEqual([])
  expect(targets.map(({ origin, module }) => [origin, module.includes('checkout')])).toEqual([['linked', true]])
})

it('finds what a data folder of oclif has linked', async () => {
  await plugin('checkout', 'linked-target', 'place')
  await write(
    'data/package.json',
    JSON.stringify({ oclif: { plugins: [{ type: 'link', name: 'linked-target', root: join(folder, 'checkout') }] } }),
  )
  const { targets } = await installedTargets([{ directory: join(folder, 'data'), origin: 'installed' }])
  expect(targets.map(({ type, origin }) => [type, origin])).toEqual([['place', 'linked']])
})

it('loads a definition without its implementation', async () => {
  await plugin('place', 'place', 'place')
  const catalogue = openTargetCatalogue([{ directory: join(folder, 'place'), origin: 'linked' }])
  expect(await catalogue.definition('place')).toMatchObject({ type: 'place', contract: 1 })
})

it.each([
  ['a later contract', definition('place', 2), 'TARGET_PACKAGE_TOO_NEW', 'contract 2'],
  ['a module that throws', 'throw new Error("boom")', 'TARGET_PACKAGE_BROKEN', 'boom'],
  ['a module without a default export', 'export const x = 1', 'TARGET_PACKAGE_BROKEN', 'no default export'],
  ['half a definition', 'export default { contract: 1, type: "place" }', 'TARGET_PACKAGE_BROKEN', 'lacks'],
])('refuses %s', async (_name, module, code, words) => {
  await plugin('place', 'place-package', 'place', module)
  const installed = await installedTargets([{ directory: join(folder, 'place'), origin: 'linked' }])
  await expect(loadDefinition('place', installed)).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
})

it('says which package brings a known type, and which types there are for an unknown one', async () => {
  await expect(loadDefinition('docker', { targets: [], broken: [] })).rejects.toMatchObject({
    code: 'TARGET_TYPE_NOT_INSTALLED',
    hint: 'errand plugins install @errand/target-docker',
  })
  await expect(loadDefinition('dokcer', { targets: [], broken: [] })).rejects.toMatchObject({
    code: 'TARGET_TYPE_UNKNOWN',
    hint: 'Known types: local, docker, remotedocker, remote, cluster.',
  })
})
