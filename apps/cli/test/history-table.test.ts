import { expect, it } from 'vitest'
import type { ListedRun } from '@errand/core/history'
import { historyTable, historyTableColumns, historyTableRow } from '../src/render/history-table.ts'
import { renderValue } from '../src/render/value.ts'

const row = {
  run_id: 'iris_1',
  script_name: 'train.py',
  status: 'Completed',
  start_time_utc: '2026-11-21T14:00:01.123456Z',
  duration: '0:00:04.567890',
  created_utc: '2026-11-21T14:00:00.000Z',
  target: 'local',
}

it('shows times to the second, durations to tenths and six digits of a metric', () => {
  expect(historyTableRow({ ...row, Accuracy: 0.9711111111, Rows: 123456789, Loss: [1, 0.123456789], Note: 'good' }, 'run')).toEqual({
    ...row,
    start_time_utc: '2026-11-21 14:00:01',
    duration: '0:00:04.5',
    Accuracy: 0.971111,
    Rows: 123456789,
    Loss: '… 0.123457 (2 values)',
    Note: 'good',
  })
})

it('says what a prepare is, and no time of a run that has not started', () => {
  const shown = historyTableRow({ ...row, script_name: null, start_time_utc: '00:00 not started', duration: 'N/A' }, 'prepare')
  expect(shown).toMatchObject({ script_name: '(prepare)', start_time_utc: '', duration: 'N/A' })
})

it('puts metrics that are one value before those that are lists', () => {
  const columns = historyTableColumns([
    { ...row, Loss: [1, 2], Accuracy: 1 },
    { ...row, Loss: 3, Recall: null },
  ])
  expect(columns.slice(-3)).toEqual(['Accuracy', 'Recall', 'Loss'])
})

it('has in a narrow terminal a metric that is one value before one that is a list', () => {
  const listed = [
    { run: { kind: 'run', state: 'completed' }, row: { ...row, Loss: [1, 2], Accuracy: 1, Recall: 0 } } as unknown as ListedRun,
  ]
  expect(historyTable(listed, undefined, 60).columns.slice(3, 5)).toEqual(['Accuracy', 'Recall'])
  expect(historyTable(listed, undefined).columns.slice(-3)).toEqual(['Accuracy', 'Recall', 'Loss'])
})

it('has in a narrow terminal the first metrics before the target and the times', () => {
  const listed = [
    { run: { kind: 'run', state: 'completed' }, row: { ...row, Accuracy: 0.97, Loss: 0.1, Recall: 0.9 } } as unknown as ListedRun,
  ]
  const times = ['start_time_utc', 'duration']
  expect(historyTable(listed, undefined, 60).columns).toEqual([
    'run_id',
    'status',
    'script_name',
    'Accuracy',
    'Loss',
    'target',
    'duration',
    'start_time_utc',
    'Recall',
  ])
  const whole = ['run_id', 'status', 'script_name', 'target', ...times, 'Accuracy', 'Loss', 'Recall']
  expect(historyTable(listed, undefined, 90).columns).toEqual(whole)
  expect(historyTable(listed, undefined).columns).toEqual(whole)
})

it('keeps a table to its lines whatever a metric is called', () => {
  const table = renderValue([historyTableRow({ ...row, 'Acc\n\u001B[2Juracy': 1 }, 'run')], 'table')
  expect(table.split('\n')).toHaveLength(4)
  expect(table.split('\n')[0]).toMatch(/ {2}Acc uracy$/)
})

it('says how many columns did not fit, and nothing when all of them do', () => {
  const told: number[] = []
  const leftOut = (columns: number) => told.push(columns)
  renderValue([{ id: 'x'.repeat(20), name: 'y'.repeat(30), metric: 1 }], 'table', { width: 22, leftOut })
  renderValue([{ id: 'x' }], 'table', { width: 22, leftOut })
  expect(told).toEqual([2])
})
