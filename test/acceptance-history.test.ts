import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duration, firstErrorLine, json, wordsOf } from './acceptance.ts'
import { type Project, makeProject } from './errand.ts'

/** Records, queries, output formats, errors and exit codes of reference/original-cli.md §1 and §5. */

describe('the history', () => {
  let project: Project
  beforeAll(async () => {
    const script = `import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for name, value in (pair.split("=") for pair in sys.argv[1:]):
    logger.log(name, float(value))
if len(sys.argv) == 1:
    sys.exit(1)
`
    project = makeProject({ 'train.py': script })
    for (const words of [
      [],
      ['Accuracy=0.75', 'Loss=3', 'Loss=2', 'duration=5'],
      ['Accuracy=0.98'],
      ['Accuracy=1', 'Best model accuracy=0.5'],
    ]) {
      await project.errand('submit', '-c', 'local', 'train.py', ...words)
    }
  })
  afterAll(() => project[Symbol.dispose]())

  const queries: readonly (readonly [query: string, answer: unknown])[] = [
    ['[?Accuracy != null] | max_by(@, &Accuracy).Accuracy', 1],
    ["[?status=='Completed'] | length(@)", 3],
    ['@[?Accuracy >= sum(`[1, -0.03]`)] | sort_by(@, &duration) | length(@)', 2],
    ['[].status', ['Completed', 'Completed', 'Completed', 'Failed']],
    ['[?"Best model accuracy" == `0.5`].Accuracy | [0]', 1],
  ]
  it.each(queries)('answers the query %s', async (query, answer) => {
    expect(json(await project.errand('history', 'list', '--query', query))).toEqual(answer)
  })

  it('has the rows that the three queries of the documentation pick', async () => {
    const completed = json(await project.errand('history', 'list', '--query', "[?status=='Completed']"))
    expect(completed.map((row: { Accuracy: number }) => row.Accuracy)).toEqual([1, 0.98, 0.75])
    const sorted = json(await project.errand('history', 'list', '--query', '@[?Accuracy >= sum(`[1, -0.03]`)] | sort_by(@, &duration)'))
    const durations = sorted.map((row: { duration: string }) => row.duration)
    expect(durations).toEqual(durations.toSorted())
  })

  it('makes a list of a metric that was logged again, and hides no key behind a metric of its name', async () => {
    const [row] = json(await project.errand('history', 'list', '--query', '[?Accuracy == `0.75`]'))
    expect(row).toMatchObject({ Loss: [3, 2], metrics: { duration: 5 }, duration: expect.stringMatching(duration) })
    const record = json(await project.errand('history', 'info', '-r', row.run_id))
    expect(record).toMatchObject({ Accuracy: 0.75, Loss: [3, 2], metrics: { duration: 5 }, duration: expect.stringMatching(duration) })
    const keys =
      'attachments created_utc description duration end_time_utc exit_code reason signal experiment_id heartbeat_enabled hidden name parent_run_id properties ' +
      'root_run_id run_definition run_id run_number run_type script_name start_time_utc status tags target user_id Accuracy Loss metrics'
    expect(Object.keys(record)).toEqual(keys.split(' '))
    expect(record.properties).toHaveProperty('CommitId')
  })

  it('numbers runs from 1, newest first', async () => {
    const ids = json(await project.errand('history', 'list', '--query', '[].run_id'))
    const numbers = []
    for (const id of ids) numbers.push(json(await project.errand('history', 'info', '-r', id)).run_number)
    expect(numbers).toEqual([4, 3, 2, 1])
  })

  it('filters by status in any case, and refuses words that are none', async () => {
    for (const word of ['failed', 'Failed', 'FAILED'])
      expect(json(await project.errand('history', 'list', '--status', word))).toHaveLength(1)
    const refused = await project.errand('history', 'list', '--status', 'perhaps')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toBe(
      'ERROR: There is no status perhaps to filter by.\nUse one of completed, canceled, failed, running, notstarted.\n',
    )
  })

  it('comes as JSON, coloured JSON, table and tabs', async () => {
    const plain = await project.errand('history', 'list', '-o', 'json')
    expect(json(await project.errand('history', 'list', '-o', 'jsonc'))).toEqual(json(plain))
    expect((await project.errand('history', 'list')).stdout).toBe(plain.stdout)
    const lines = (await project.errand('history', 'list', '-o', 'tsv')).stdout.trim().split('\n')
    expect(lines.map((line) => line.split('\t')[0])).toEqual(json(plain).map((row: { run_id: string }) => row.run_id))
    const table = (await project.errand('history', 'list', '-o', 'table')).stdout
    expect(table.split('\n')[0]).toMatch(/^Run_id +Status +Script_name +Target +Start_time_utc +Duration +Accuracy/)
    expect(table).toContain('… 2 (2 values)')
    const record = (await project.errand('history', 'last', '-o', 'table')).stdout
    expect(record).toMatch(/^Status +Completed$/m)
  })
})

describe('errors and exit codes', () => {
  it('the first line of stderr is the error, also when files have warnings', async () => {
    using project = makeProject({ 'aml_config/local.runconfig': 'Target: local\nFramework: Python\nPrepareEnviroment: true\n' })
    const refused = await project.errand('submit', '-c', 'local', 'missing.py')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(firstErrorLine(refused)).toMatch(/^ERROR: .*missing\.py/)
  })

  it('with -o json stdout holds JSON or nothing', async () => {
    using project = makeProject({ 'train.py': '' })
    for (const line of [
      'history list',
      'computetarget list',
      'runconfiguration list',
      'targets',
      'secret list',
      'runconfiguration create -n Y -t local',
    ]) {
      const finished = await project.errand(...wordsOf(line), '-o', 'json')
      expect(finished.exitCode, line).toBe(0)
      expect(() => json(finished), line).not.toThrow()
    }
    for (const line of [
      'history last',
      'history info -r nobody',
      'experiment status -r nobody',
      'experiment cancel -r nobody',
      'logs nobody',
      'runconfiguration delete -n nobody',
      'history download -r nobody',
    ]) {
      const refused = await project.errand(...wordsOf(line), '-o', 'json')
      expect(refused, line).toMatchObject({ exitCode: 1, stdout: '' })
      expect(firstErrorLine(refused), line).toMatch(/^ERROR: /)
    }
    await project.errand('submit', '-c', 'local', 'train.py')
    for (const line of [
      'experiment status last',
      'wait last',
      'experiment cancel last',
      'history download last -d there',
      'prepare -c local',
      'prepare -c local --check',
    ]) {
      const finished = await project.errand(...wordsOf(line), '-o', 'json')
      expect(finished.exitCode, finished.stderr).toBe(0)
      expect(() => json(finished), line).not.toThrow()
    }
  })

  it('a command line that can not be understood is 1, a broken history 2', async () => {
    using project = makeProject({ 'train.py': '' })
    for (const line of ['hisory list', 'history list --bogus', 'submit train.py', 'history list --query [?']) {
      const refused = await project.errand(...wordsOf(line))
      expect(refused, line).toMatchObject({ exitCode: 1, stdout: '' })
      expect(firstErrorLine(refused), line).toMatch(/^ERROR: /)
    }
    project.write('.errand/history.db', 'this is no database, but text that is long enough to be looked at as one\n'.repeat(100))
    const broken = await project.errand('history', 'list')
    expect(broken).toMatchObject({ exitCode: 2, stdout: '' })
    expect(firstErrorLine(broken)).toMatch(/^ERROR: .*history\.db is damaged/)
  })
})
