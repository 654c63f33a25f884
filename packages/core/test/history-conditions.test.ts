import { describe, expect, it } from 'vitest'
import { type ListedRun, metricCondition, sinceTime } from '../src/history/index.ts'
import { metricIn } from '../src/history/metrics-text.ts'

type Row = ListedRun['row']

const runWith = ({ metrics, ...row }: Row): ListedRun => {
  const texts = { inline: JSON.stringify(row), ...(metrics === undefined ? {} : { clashing: JSON.stringify(metrics) }) }
  return { row, run: { metrics: texts } as ListedRun['run'] }
}

describe('a condition on a metric', () => {
  it.each([
    ['Accuracy>0.9', { Accuracy: 0.95 }, true],
    ['Accuracy>0.9', { Accuracy: 0.9 }, false],
    ['Accuracy >= .9', { Accuracy: [0.1, 0.9] }, true],
    ['Best model accuracy<=1e-3', { 'Best model accuracy': 0.001 }, true],
    ['Loss<1', {}, false],
    ['Loss!=1', {}, false],
    ['Loss!=1', { Loss: 'NaN' }, true],
    ['Loss=nan', { Loss: 'NaN' }, true],
    ['Loss<1', { Loss: 'NaN' }, false],
    ['Loss<inf', { Loss: 5 }, false],
    ['Loss<Infinity', { Loss: 5 }, true],
    ['Model==forest', { Model: 'forest' }, true],
    ["Model!='forest'", { Model: 'forest' }, false],
    ['duration>4', { duration: '0:00:01', metrics: { duration: 5 } }, true],
    ['status=Completed', { status: 'Completed' }, false],
  ])('%s on %j is %s', (text, row, holds) => {
    const isWord = text.endsWith('<inf')
    if (isWord) expect(() => metricCondition(text)).toThrow(expect.objectContaining({ code: 'METRIC_CONDITION_INVALID' }))
    else expect(metricCondition(text).holds(runWith(row))).toBe(holds)
  })
})

describe('a metric in the text of many', () => {
  it.each([
    ['Loss', { Accuracy: 1, Loss: -1.5e-7 }],
    ['Loss', { Accuracy: 1 }],
    ['Loss', { 'My "Loss': 1 }],
    ['Loss', { inner: { Loss: 1 }, Loss: 2 }],
    ['Loss', { inner: { Loss: 1 } }],
    ['Loss', { text: '"Loss":1,', Loss: [1, 2] }],
    [',', { text: 'x', ':5,b': 1 }],
    [',', { text: ',', ':5,b': 1 }],
    ['', { '': 3 }],
    ['a"b\\', { 'a"b\\': 3 }],
    ['ü\u{1F600}', { 'ü\u{1F600}': 'NaN' }],
    ['toString', {}],
    ['__proto__', JSON.parse('{"__proto__":7}') as Row],
  ])('%j of %j is what a parser finds', (name, values: Row) => {
    expect(metricIn(JSON.stringify(values), name)).toEqual(Object.hasOwn(values, name) ? values[name] : undefined)
  })
})

describe('a time to list from', () => {
  const now = new Date(2026, 2, 15, 14, 30)
  it.each([
    ['90m', new Date(2026, 2, 15, 13, 0)],
    ['1.5h', new Date(2026, 2, 15, 13, 0)],
    ['2w', new Date(2026, 2, 1, 14, 30)],
    ['today', new Date(2026, 2, 15)],
    ['Yesterday', new Date(2026, 2, 14)],
    ['2026-03-01', new Date(2026, 2, 1)],
    ['2026-03-01T10:00:00Z', new Date(Date.UTC(2026, 2, 1, 10))],
    ['2026-03-01 10:00', new Date(2026, 2, 1, 10)],
  ])('may be %s', (text, time) => {
    expect(sinceTime(text, now)).toBe(time.toISOString())
  })

  it.each(['', 'tomorrow', '7', '7y', '2026-13-45T99:99', '99999999999999w'])('is not %j', (text) => {
    expect(() => sinceTime(text, now)).toThrow(expect.objectContaining({ code: 'SINCE_INVALID' }))
  })
})
