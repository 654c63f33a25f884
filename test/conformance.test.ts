import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writtenPage } from './conformance/run.ts'
import { suites } from './conformance/suites.ts'
import { repository } from './errand.ts'

const read = (path: string) => readFileSync(join(repository, path), 'utf8')
const shown = Object.keys(suites).filter((name) => existsSync(join(repository, `docs/conformance/${name}.json`)))

it('the page on what targets were shown to do is what the runs of their suites have written', () => {
  expect(shown).toContain('broken')
  expect(read('docs/conformance.md')).toBe(writtenPage())
})

it('every check that was run was passed, and every fault noticed', () => {
  for (const name of shown) {
    const { checks = [], faults = [] } = JSON.parse(read(`docs/conformance/${name}.json`))
    expect(checks.length + faults.length).toBeGreaterThan(40)
    expect([name, checks.filter(({ passed }: { passed: boolean }) => !passed)]).toEqual([name, []])
    expect([name, faults.filter(({ noticed }: { noticed: boolean }) => !noticed)]).toEqual([name, []])
  }
})

it.each(Object.entries(suites).filter(([name]) => name !== 'mytarget'))('the suite of %s is in %s', (_name, file) => {
  expect(existsSync(join(repository, file))).toBe(true)
})
