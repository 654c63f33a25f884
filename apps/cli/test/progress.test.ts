import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { drawProgress } from '../src/render/progress.ts'

it('draws a bar where the end is known and never leaves the line', () => {
  const step = { message: 'sending files of the project', done: 30, total: 120, unit: 'files' } as const
  const drawn = stripVTControlCharacters(drawProgress(step, 1500, 100))
  expect(drawn).toContain('25%')
  expect(drawn).toContain('30 of 120 files')
  for (const columns of [12, 40, 70, 80, 200])
    expect(stripVTControlCharacters(drawProgress(step, 99_000, columns)).length).toBeLessThan(columns)
})

it('draws a spinner that moves where the end is not known', () => {
  const pictures = [0, 100, 200].map((elapsed) => stripVTControlCharacters(drawProgress({ message: 'asking' }, elapsed, 80)).charAt(0))
  expect(new Set(pictures).size).toBe(3)
})

it('shows no line break and no control character of a message', () => {
  expect(drawProgress({ message: 'a\nb\u001B[2Jc' }, 0, 80)).not.toMatch(/\n|\[2J/)
})
