import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openHistory } from '@errand/core/history'
import { describe, expect, it } from 'vitest'
import { cliDirectory, type TemporaryProject, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

const nan = { $number: 'NaN' } as const

/** Ids by what they are for. */
function someRuns(project: TemporaryProject) {
  const low = recordRun(project, { metrics: { Accuracy: 0.5 } }).id
  const without = recordRun(project, { run: { script: 'src/etl.py', target: { name: 'gpu', type: 'local', config: {} } } }).id
  const broken = recordRun(project, { metrics: { Accuracy: nan, Loss: 0.25 } }).id
  const high = recordRun(project, {
    metrics: { Accuracy: [0.1, 0.95] },
    run: { arguments: ['--alpha', '0.1 0.2'], tags: { stage: 'final' } },
  }).id
  return { low, without, broken, high }
}

async function idsOf(project: TemporaryProject, ...words: readonly string[]): Promise<string[]> {
  const { stdout, stderr, exitCode } = await project.errand('history', 'list', '-o', 'json', ...words)
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  return JSON.parse(stdout).map((row: { run_id: string }) => row.run_id)
}

describe('history list', () => {
  it('says which target and script no run has, and the nearest that one has', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    someRuns(project)
    const { stdout, stderr, exitCode } = await project.errand(
      'history',
      'list',
      '-t',
      'gpuu',
      '-t',
      'local',
      '--script',
      'trian.py',
      '-o',
      'table',
    )
    expect({ stdout, exitCode }).toEqual({ stdout: 'No run is like that.\n', exitCode: 0 })
    expect(stderr).toBe(
      'WARNING: No run has the target gpuu (did you mean gpu?).\nWARNING: No run has the script trian.py (did you mean train.py?).\n',
    )
  })

  it('filters by metric, target, script, tag, time and several statuses', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { low, without, broken, high } = someRuns(project)
    expect(await idsOf(project, '--metric', 'Accuracy>0.1')).toEqual([high, low])
    expect(await idsOf(project, '--metric', 'Accuracy >= 0.5', '--metric', 'Accuracy<0.9')).toEqual([low])
    expect(await idsOf(project, '--metric', 'Accuracy=nan')).toEqual([broken])
    expect(await idsOf(project, '--metric', 'Accuracy!=0.5')).toEqual([high, broken])
    expect(await idsOf(project, '--target', 'gpu')).toEqual([without])
    expect(await idsOf(project, '--script', 'etl.py')).toEqual([without])
    expect(await idsOf(project, '--tag', 'stage=final')).toEqual([high])
    expect(await idsOf(project, '--since', '1h', '--limit', '2')).toEqual([high, broken])
    expect(await idsOf(project, '--since', '2999-01-01')).toEqual([])
    expect(await idsOf(project, '--status', 'failed', '--status', 'completed')).toEqual([high, broken, without, low])
  })

  it('sorts by a metric that half of the runs lack and one has as NaN', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { low, without, broken, high } = someRuns(project)
    expect(await idsOf(project, '--sort', 'Accuracy')).toEqual([high, low, broken, without])
    expect(await idsOf(project, '--sort', 'Accuracy', '--order', 'asc')).toEqual([low, high, broken, without])
    expect(await idsOf(project, '--sort', 'Accuracy', '--limit', '1')).toEqual([high])
  })

  it('shows chosen columns, as data and as a table, and refuses one that no run has', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { high } = someRuns(project)
    const words = ['history', 'list', '--limit', '1', '--columns', 'run_id,arguments,tags.stage', '--columns', 'Accuracy,Loss']
    const data = await project.errand(...words, '-o', 'json')
    expect(JSON.parse(data.stdout)).toEqual([
      { run_id: high, arguments: ['--alpha', '0.1 0.2'], 'tags.stage': 'final', Accuracy: [0.1, 0.95], Loss: null },
    ])
    const table = await project.errand(...words, '-o', 'table')
    expect(table.stdout.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^Run_id +Arguments +Tags\.stage +Accuracy +Loss$/),
      expect.any(String),
      expect.stringMatching(new RegExp(`^${high} +--alpha "0\\.1 0\\.2" +final +… 0\\.95 \\(2 values\\)$`)),
    ])
    const unknown = await project.errand('history', 'list', '--columns', 'run_id,Acuracy', '--columns', 'tags.none', '--status', 'failed')
    expect(unknown).toMatchObject({ exitCode: 1, stdout: '' })
    expect(unknown.stderr.split('\n')).toEqual([
      'ERROR: No run has the column Acuracy or tags.none.',
      'did you mean Accuracy?',
      expect.stringMatching(/^Columns: run_id, script_name, .*, detail$/),
      expect.stringMatching(/^Metrics and tags: .*\bAccuracy\b.*tags\.stage/),
      '',
    ])
  })

  it('takes last for the newest sweep where it asks for one, whatever was run since', async () => {
    using project = temporaryProject()
    expect((await project.errand('history', 'list', '--parent', 'last')).stdout).toBe('[]\n')
    recordRun(project)
    const none = await project.errand('history', 'list', '--parent', 'last')
    expect([none.exitCode, none.stderr]).toEqual([
      1,
      'ERROR: The history of this project has no sweeps yet.\nBegin one: errand sweep -c local SCRIPT --each NAME=VALUE,VALUE\n',
    ])
    const sweep = recordRun(project, { run: { kind: 'sweep' } })
    const children = [1, 2].map(() => recordRun(project, { run: { parent: sweep.id } }).id)
    recordRun(project)
    expect(await idsOf(project, '--parent', 'last')).toEqual(children.toReversed())
  })

  it('takes any column where nothing was run yet, and one that only runs which are not listed have', async () => {
    using project = temporaryProject()
    const list = (...words: string[]) => project.errand('history', 'list', '-o', 'json', '--columns', 'Accuracy', ...words)
    expect(await list()).toMatchObject({ exitCode: 0, stdout: '[]\n' })
    someRuns(project)
    expect(await list('--status', 'running')).toMatchObject({ exitCode: 0, stdout: '[]\n' })
  })

  it.each([
    [['--metric', 'Accuracy'], /^ERROR: The condition "Accuracy" can't be used: it is not NAME OPERATOR VALUE\.\n.*Accuracy>0\.9/],
    [['--metric', 'Accuracy>high'], /^ERROR: The condition "Accuracy>high" can't be used: "high" is no number\./],
    [['--metric', 'Accuracy=>0.5'], /^ERROR: The condition "Accuracy=>0\.5" can't be used: "=>" is no operator\./],
    [['--since', 'recently'], /^ERROR: "recently" is no time to list runs from\.\nUse 90m/],
    [['--query', '[?Accuracy >'], /^ERROR: The query .* can't be used/],
    [['--run', 'churn_1521077190506'], /^ERROR: churn_1521077190506 is a run of a project called churn; this one is iris\.\n.*-p PATH/],
    [['--status', 'done'], /^ERROR: There is no status done to filter by\./],
  ])('refuses %s with a sentence and the way out', async (words, message) => {
    using project = temporaryProject()
    recordRun(project)
    const { stdout, stderr, exitCode } = await project.errand('history', 'list', ...words)
    expect(stderr).toMatch(message)
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
  })

  it('marks what goes on with what it does now, and keeps to 40 columns', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { id } = recordRun(project, { patch: { state: 'running', status: { state: 'running', detail: 'step 3 of 10' } } })
    recordRun(project, { metrics: { Accuracy: 0.5 } })
    const wide = await project.inTerminal({ environment: { TERMINAL_COLUMNS: '160' } }, 'history', 'list')
    expect(wide.stdout).toMatch(/Run_id +Status +Now +Script_name/)
    expect(wide.stdout).toMatch(new RegExp(`${id} +Running +step 3 of 10, \\d+ s ago +train\\.py`))
    const narrow = await project.inTerminal({ environment: { TERMINAL_COLUMNS: '40' } }, 'history', 'list')
    const [heading = '', , ...lines] = narrow.stdout.split('\n')
    expect(heading).toMatch(/^Run_id +Status/)
    expect(lines.filter((line) => line.startsWith('iris_')).every((line) => line.length <= 40)).toBe(true)
    expect(narrow.stdout).toContain(id)
    expect(narrow.stdout).toMatch(/not fit here/)
  })
})

describe('a history of 10,000 runs', () => {
  it('with a corrupt record in the middle shows the rest and names it, also when its reader goes away', { timeout: 300_000 }, async () => {
    using project = temporaryProject()
    const corrupt = manyRuns(project, 10_000)
    const { stdout, stderr, exitCode } = await project.errand('history', 'list', '-o', 'json')
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toHaveLength(9999)
    expect(stderr).toMatch(new RegExp(`^WARNING: The record of the run ${corrupt} can't be read \\(.*\\)\\. It was left as it is\\.\\n$`))
    const counted = await project.errand('history', 'list', '--query', 'length(@)')
    expect(counted.stdout).toBe('9999\n')
    const cut = await cutByHead(project)
    expect(cut).toEqual({ exitCode: 0, stderr: '', lines: 1 })
    const shown = await project.errand('history', 'info', '-r', corrupt)
    expect(shown.exitCode).toBe(2)
    expect(shown.stderr).toMatch(new RegExp(`^ERROR: .*${corrupt}`))
  })
})

/** Fills a history quickly; answers the id of the record in the middle, which is no use any more. */
function manyRuns(project: TemporaryProject, count: number): string {
  recordRun(project, { metrics: { Accuracy: 0.5 } })
  openHistory(project.directory)[Symbol.dispose]()
  using database = new DatabaseSync(join(project.directory, '.errand/history.db'))
  const copied = (table: string, changed: Readonly<Record<string, string>>): string => {
    const columns = database
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name))
    const values = columns.map((name) => changed[name] ?? name)
    return `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM ${table}, counted WHERE number = 1`
  }
  const counted = `WITH RECURSIVE counted (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM counted WHERE n < ${count})`
  database.exec(`${counted} ${copied('runs', { number: 'n', id: "'iris_' || (1521077190506 + n)" })}`)
  database.exec(`${counted} ${copied('run_details', { number: 'n' })}`)
  database.exec(`UPDATE runs SET state = 'melted' WHERE number = ${count / 2}`)
  return String(database.prepare(`SELECT id FROM runs WHERE number = ${count / 2}`).get()?.['id'])
}

/** `errand history list | head -1`. */
function cutByHead(project: TemporaryProject): Promise<{ exitCode: number | null; stderr: string; lines: number }> {
  const command = `${process.execPath} ${join(cliDirectory, 'bin/errand.js')} history list -o json --limit 4000 | head -1; exit \${PIPESTATUS[0]}`
  const child = spawn('bash', ['-c', command], { cwd: project.directory, env: { ...process.env, ERRAND_KEYCHAIN: 'off' } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  return new Promise((done) => child.once('close', (exitCode) => done({ exitCode, stderr, lines: stdout.trim().split('\n').length })))
}
