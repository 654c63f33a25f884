import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { conformanceTable } from '../src/index.ts'
import { reportInto } from '../src/report.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-report-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const read = (name: string) => readFileSync(join(folder, name), 'utf8')

it('is written when the last check is over, in the order of the suite, and anew when a check runs again', async () => {
  const check = reportInto(folder, 'mine', ['starts | once', 'ends'])
  await expect(check('ends', () => Promise.reject(new Error('never ends')))).rejects.toThrow('never ends')
  expect(existsSync(join(folder, 'mine.md'))).toBe(false)
  await check('starts | once', () => Promise.resolve())
  expect(read('mine.md')).toBe(
    '| A target … | mine |\n| --- | --- |\n| starts \\| once | yes |\n| ends | **no** |\n| together | 1 of 2 |\n',
  )
  expect(read('mine.svg')).toMatch(/#b3261e[^]*1 of 2/)
  await check('ends', () => Promise.resolve())
  expect(read('mine.svg')).toMatch(/#2a7f3f[^]*2 of 2/)
  expect(JSON.parse(read('mine.json'))).toMatchObject({
    target: 'mine',
    checks: [{ name: 'starts | once', passed: true }, { name: 'ends' }],
  })
})

it('shows targets side by side, with nothing for a check that one does not have', () => {
  const checks = (...names: string[]) => names.map((name) => ({ name, passed: true, seconds: 1 }))
  const table = conformanceTable([
    { target: 'a', checks: checks('x', 'y') },
    { target: 'b', checks: checks('y') },
  ])
  expect(table.split('\n')).toEqual([
    '| A target … | a | b |',
    '| --- | --- | --- |',
    '| x | yes |  |',
    '| y | yes | yes |',
    '| together | 2 of 2 | 1 of 1 |',
    '',
  ])
})
