import { expect, it } from 'vitest'
import { renderValue } from '../src/render/value.ts'

const rows = [
  { run_id: 'iris_1', status: 'Completed', Accuracy: 0.5 },
  { run_id: 'iris_22', status: 'Failed', error: { a: 1 } },
]

it('lines up a table with the headings of the original', () => {
  expect(renderValue(rows, 'table')).toBe(
    [
      'Run_id   Status     Accuracy  Error',
      '------   ------     --------  -----',
      'iris_1   Completed  0.5',
      'iris_22  Failed               {"a":1}',
      '',
    ].join('\n'),
  )
})

it('never writes a line wider than the terminal, and leaves out columns that have no room', () => {
  const wide = [{ id: 'x'.repeat(20), name: 'y'.repeat(30), metric: 1 }]
  for (const width of [10, 22, 25, 35, 60]) {
    for (const line of renderValue(wide, 'table', { width }).split('\n')) expect(line.length).toBeLessThanOrEqual(width)
  }
  expect(renderValue(wide, 'table', { width: 35 })).toContain('yyyy…')
  expect(renderValue(wide, 'table', { width: 22 })).not.toContain('Name')
})

it('counts characters of double width as two columns', () => {
  const [heading, , first, second] = renderValue(
    [
      { 名: '花', n: 1 },
      { 名: 'ab', n: 2 },
    ],
    'table',
  ).split('\n')
  expect([heading, first, second]).toEqual(['名  N', '花  1', 'ab  2'])
})

it('lets nothing through that a terminal would obey', () => {
  const shown = renderValue([{ a: '\u001B[31mred\u001B[0m\u0007\nnext' }], 'table')
  expect(shown).toBe('A\n-\nred next\n')
})

it('shows a record as lines of key and value, a list of words as lines, nothing as nothing', () => {
  expect(renderValue({ run_id: 'x', n: 1 }, 'table')).toBe('Run_id  x\nN       1\n')
  expect(renderValue(['a', 'b'], 'table')).toBe('a\nb\n')
  expect(renderValue([], 'table', { empty: 'No runs.' })).toBe('No runs.\n')
  expect(renderValue(undefined, 'json')).toBe('')
})

it('writes one line for each element as tab separated values', () => {
  expect(renderValue(rows, 'tsv')).toBe('iris_1\tCompleted\t0.5\niris_22\tFailed\t\n')
  expect(
    renderValue(
      [
        ['a', 1, null],
        ['b\tc', true, 2],
      ],
      'tsv',
    ),
  ).toBe('a\t1\t\nb c\ttrue\t2\n')
  expect(renderValue('a', 'tsv')).toBe('a\n')
})

it('writes JSON that reads back as the same value', () => {
  const value = { text: 'quote " \u0007 \u001B[31m', numbers: [1.5e300, -0.03], nothing: null }
  expect(JSON.parse(renderValue(value, 'json'))).toEqual(value)
  expect(renderValue(value, 'json')).not.toContain('\u001B')
})
