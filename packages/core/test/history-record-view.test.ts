import { describe, expect, it } from 'vitest'
import { type History, listRowFor, openHistory, recordFor, statesNamed } from '../src/history/index.ts'
import { irisRun, temporaryProject } from './history-fixture.ts'

const recordKeys =
  'attachments created_utc description duration end_time_utc experiment_id heartbeat_enabled hidden name parent_run_id properties ' +
  'root_run_id run_definition run_id run_number run_type script_name start_time_utc status tags target user_id'
const rowKeys = ['created_utc', 'duration', 'run_id', 'script_name', 'start_time_utc', 'status', 'target']

function endedRun(history: History): string {
  const { id } = history.create({ ...irisRun, properties: { CommitId: 'abc' }, request: { script: 'train.py' } })
  const at = '2026-03-01T10:00:02.000000Z'
  history.appendEvents(
    id,
    [
      { cursor: '1', at, type: 'metric', kind: 'value', name: 'Accuracy', value: 0.67 },
      { cursor: '2', at, type: 'metric', kind: 'value', name: 'status', value: 'mine' },
      { cursor: '3', at, type: 'metric', kind: 'value', name: 'metrics', value: { $number: 'NaN' } },
      { cursor: '4', at, type: 'tag', name: 'stage', value: 'test' },
      {
        cursor: '5',
        at,
        type: 'status',
        status: { state: 'completed', startedAt: '2026-03-01T10:00:00.000001Z', endedAt: '2026-03-01T10:00:04.892390Z' },
      },
    ],
    undefined,
  )
  history.setArtifacts(id, [
    { path: 'outputs/model.pkl', size: 3 },
    { path: 'outputs/a b.svg', size: 4 },
  ])
  history.update(id, { state: 'completed', collected: true, reference: { externalId: 'h:1' } })
  return id
}

describe('a compatible record', () => {
  it('has exactly the keys of the original and how it ended, its metrics beside them and none over them', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const record = recordFor(history, history.resolve(endedRun(history)))
    expect(Object.keys(record).toSorted()).toEqual(
      [...recordKeys.split(' '), 'exit_code', 'reason', 'signal', 'Accuracy', 'metrics'].toSorted(),
    )
    expect(record).toMatchObject({
      attachments: 'outputs/a b.svg, outputs/model.pkl, control_log, driver_log, pid.txt',
      duration: '0:00:04.892389',
      experiment_id: history.projectId,
      properties: { CommitId: 'abc' },
      tags: { stage: 'test' },
      run_number: 1,
      run_definition: { script: 'train.py' },
      script_name: 'train.py',
      start_time_utc: '2026-03-01T10:00:00.000001Z',
      end_time_utc: '2026-03-01T10:00:04.892390Z',
      status: 'Completed',
      exit_code: 0,
      reason: null,
      target: 'local',
      user_id: 'ada',
      Accuracy: 0.67,
      metrics: { status: 'mine', metrics: 'NaN' },
    })
  })

  it('has a row in the list with the five keys, time of creation, target and metrics', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    endedRun(history)
    const rows = history.list().map((run) => listRowFor(run))
    expect(Object.keys(rows[0] ?? {}).toSorted()).toEqual([...rowKeys, 'Accuracy', 'metrics'].toSorted())
    expect(rows[0]).toMatchObject({
      status: 'Completed',
      duration: '0:00:04.892389',
      Accuracy: 0.67,
      metrics: { status: 'mine', metrics: 'NaN' },
    })
  })

  it('says of a run that has not started, and how long one goes on already', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const row = () => history.list().map((run) => listRowFor(run, new Date('2026-03-02T13:01:01.500Z')))[0]
    expect(row()).toMatchObject({ status: 'NotStarted', start_time_utc: '00:00 not started', duration: 'N/A' })
    expect(recordFor(history, history.resolve(id))).toMatchObject({
      start_time_utc: null,
      end_time_utc: null,
      attachments: 'control_log, driver_log',
    })
    history.update(id, { state: 'running', startedAt: '2026-03-01T10:00:00.250000Z' })
    expect(row()).toMatchObject({ status: 'Running', duration: '27:01:01.250000' })
    history.update(id, { startedAt: '2027-01-01T00:00:00Z' })
    expect(row()).toMatchObject({ duration: '0:00:00.000000' })
  })

  it('is filtered by the five words in any case', () => {
    expect(statesNamed('FAILED')).toEqual(['failed', 'lost'])
    expect(statesNamed('notstarted')).toEqual(['created', 'interrupted'])
    expect(statesNamed('Canceled')).toEqual(['cancelled'])
    expect(() => statesNamed('queued')).toThrow(expect.objectContaining({ code: 'STATUS_UNKNOWN' }))
  })
})
