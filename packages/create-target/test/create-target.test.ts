import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeTarget } from '../src/index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-create-target-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('writes a whole package under the names that were asked for', () => {
  const directory = join(folder, 'deep/slurm')
  const files = writeTarget({ type: 'my-slurm', packageName: '@ann/errand-slurm', directory })
  expect(files.toSorted()).toEqual([
    '.changeset/config.json',
    '.changeset/first-release.md',
    '.github/workflows/ci.yml',
    '.gitignore',
    'README.md',
    'package.json',
    'src/implementation.ts',
    'src/target.ts',
    'test/target.test.ts',
    'tsconfig.build.json',
    'tsconfig.json',
  ])
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8'))
  expect(texts.filter((text) => /mytarget|MyTarget/.test(text))).toEqual([])
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  expect(manifest).toMatchObject({ name: '@ann/errand-slurm', errand: { contract: 1, targets: { 'my-slurm': './dist/target.js' } } })
  expect(Object.values({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies })).not.toContain('*')
  expect(readFileSync(join(directory, 'src/implementation.ts'), 'utf8')).toContain('TargetContext<MySlurmConfig>')
})

it('overwrites nothing, and refuses what can be no type and no package', () => {
  writeFileSync(join(folder, 'mine.txt'), 'mine')
  expect(() => writeTarget({ type: 'slurm', packageName: 'x', directory: folder })).toThrow(/is not empty/)
  expect(readdirSync(folder)).toEqual(['mine.txt'])
  for (const type of ['', 'Slurm', 'my target', '-x', 'a--b', '../x'])
    expect(() => writeTarget({ type, packageName: 'x', directory: join(folder, 'new') })).toThrow(/can't be a type of target/)
  for (const packageName of ['', 'Has Blanks', '@x', '../up'])
    expect(() => writeTarget({ type: 'slurm', packageName, directory: join(folder, 'new') })).toThrow(/can't be the name/)
  expect(readdirSync(folder)).toEqual(['mine.txt'])
})
