import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openHistory } from '../packages/core/dist/history/index.js'
import { type Command, inTurn, row } from './measure.ts'

/** Ended runs, put there as their clients would have. */
export function fillHistory(directory: string, runs: number, metrics: number): void {
  using opened = openHistory(directory)
  for (let index = 0; index < runs; index++) {
    const target = { name: 'local', type: 'local', config: {} }
    const { id } = opened.create({
      kind: 'run',
      name: 'bench',
      script: 'train.py',
      arguments: [],
      runConfiguration: 'local',
      target,
      user: 'bench',
    })
    const at = new Date().toISOString()
    const events = Array.from({ length: metrics }, (_, number) => ({
      cursor: `${number + 1}`,
      at,
      type: 'metric' as const,
      kind: 'value' as const,
      name: `metric ${number}`,
      value: Math.random(),
    }))
    opened.appendEvents(id, events, undefined)
    opened.update(id, { state: 'completed', startedAt: at, endedAt: at, collected: true, removed: true })
  }
}

const runs = 10_000
const metrics = 20

/** Where `./check --all` has put MLflow, or where the variable says that it is. */
const mlflowEnvironment = process.env['ERRAND_PYTHON_MLFLOW'] ?? resolve(import.meta.dirname, '../.toolchain/parts/mlflow')

/** Questions to 10,000 runs of 20 metrics, errand's against those of MLflow (an SQLite store of the same size) as whole processes. */
export async function history(errand: string, environment: NodeJS.ProcessEnv, directory: string): Promise<void> {
  fillHistory(directory, runs, metrics)
  for (const line of ['print(2)', 'print(3)']) {
    writeFileSync(join(directory, 'train.py'), `${line}\n`)
    execFileSync(errand, ['submit', '-c', 'local', 'train.py'], { cwd: directory, env: environment, stdio: 'pipe' })
  }
  const ask = (name: string, ...words: readonly string[]): Command => ({
    name,
    command: [errand, ...words],
    cwd: directory,
    env: environment,
  })
  const questions = [
    ask('`history list`', 'history', 'list'),
    ask('`history list --query`', 'history', 'list', '--query', 'max_by([?"metric 3" != null], &"metric 3").run_id'),
    ask('`history list --sort --limit 10`', 'history', 'list', '--sort', 'metric 3', '--limit', '10'),
    ask('`show last`', 'show', 'last'),
    ask('`compare last~1 last`', 'compare', 'last~1', 'last'),
  ]
  const others = mlflowCommands(directory)
  const [nothing, ...figures] = await inTurn([node, ...questions, ...others], 5)
  if (nothing === undefined) return
  for (const [index, { name }] of [...questions, ...others].entries()) {
    const figure = figures[index]
    const aim = index < questions.length ? '<= 250 ms' : 'for comparison'
    if (figure !== undefined) row(`${name}, ${runs} runs / \`node -e 0\``, figure, nothing, aim)
  }
}

const node: Command = { name: 'node -e 0', command: [process.execPath, '-e', '0'] }

function mlflowCommands(directory: string): readonly Command[] {
  const python = join(mlflowEnvironment, 'bin/python')
  if (!existsSync(python)) {
    console.error('MLflow is not here: ERRAND_PYTHON_MLFLOW=FOLDER names an environment that has it')
    return []
  }
  const store = `sqlite:///${join(directory, 'mlflow.db')}`
  const env = { ...process.env, MLFLOW_TRACKING_URI: store, MLFLOW_DISABLE_TELEMETRY: 'true' }
  execFileSync(python, ['-c', fillMlflow, join(directory, 'mlflow.db'), String(runs), String(metrics)], { env, stdio: 'pipe' })
  const search = (name: string, code: string): Command => ({ name, command: [python, '-c', `${searchHead}\n${code}`], env })
  return [
    { name: '`mlflow runs list`', command: [join(mlflowEnvironment, 'bin/mlflow'), 'runs', 'list', '--experiment-id', '1'], env },
    search('MLflow `search_runs`, all', 'print(len(client.search_runs(["1"], max_results=50000)))'),
    search(
      'MLflow `search_runs`, best 10',
      `print(client.search_runs(["1"], order_by=['metrics.\`metric 3\` DESC'], max_results=10)[0].info.run_id)`,
    ),
    search('MLflow `get_run`', 'print(client.get_run("run00001"))'),
  ]
}

const searchHead = 'from mlflow.tracking import MlflowClient\nclient = MlflowClient()'

/** MLflow makes the tables; its own calls for 200,000 metrics would take an hour. */
const fillMlflow = `
import random, sqlite3, sys
from mlflow.tracking import MlflowClient
MlflowClient().create_experiment('bench')
database = sqlite3.connect(sys.argv[1])
count, metrics = int(sys.argv[2]), int(sys.argv[3])
for index in range(count):
    run, at = 'run%05d' % index, 1700000000000 + index
    values = {'run_uuid': run, 'name': run, 'source_type': 'LOCAL', 'source_name': 'train.py', 'entry_point_name': '', 'user_id': 'bench', 'status': 'FINISHED',
              'start_time': at, 'end_time': at + 1000, 'source_version': '', 'lifecycle_stage': 'active', 'artifact_uri': 'file:///nowhere', 'experiment_id': 1}
    database.execute('INSERT INTO runs (%s) VALUES (%s)' % (', '.join(values), ', '.join('?' * len(values))), list(values.values()))
    rows = [('metric %d' % number, random.random(), at, 0, 0, run) for number in range(metrics)]
    for table in ('metrics', 'latest_metrics'):
        database.executemany('INSERT INTO %s (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)' % table, rows)
database.commit()
`
