import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

const environment = process.env['ERRAND_PYTHON_MLFLOW']

/** Reads a store with MLflow itself, as its UI does, and prints what it finds. */
const reader = `
import json, math, sys
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name('iris')
runs = client.search_runs([experiment.experiment_id], 'metrics.Accuracy > 0.7', ViewType.ACTIVE_ONLY, order_by=['metrics.Accuracy DESC'])
everything = client.search_runs([experiment.experiment_id])
print(json.dumps({
    'count': len(everything),
    'best': [run.info.run_id for run in runs],
    'status': {run.info.run_id: run.info.status for run in everything},
    'params': runs[0].data.params,
    'tags': runs[0].data.tags,
    'metrics': {name: str(value) for name, value in runs[0].data.metrics.items()},
    'history': [[point.value, point.step] for point in client.get_metric_history(runs[0].info.run_id, 'Accuracy')],
    'user': runs[0].info.user_id,
    'files': sorted(file.path for folder in [None, 'outputs', 'errand'] for file in client.list_artifacts(runs[0].info.run_id, folder) if not file.is_dir),
    'model': open(client.download_artifacts(runs[0].info.run_id, 'outputs/model.txt')).read(),
}))
`

describe.skipIf(environment === undefined)('history export --format mlflow', () => {
  it('writes what MLflow reads, and what it takes over into a database', { timeout: 600_000 }, async () => {
    using project = temporaryProject()
    const good = recordRun(project, {
      run: {
        arguments: ['--alpha', '0.1', '--fast', '--depth=3', 'data.csv'],
        properties: { CommitId: 'abc' },
        tags: { stage: 'final', 'a/../../b': 'x' },
      },
      metrics: { Accuracy: [0.5, 0.9], 'Größe/x': 1, Gr__e_x: 2, Loss: { $number: 'NaN' }, Words: 'many', '../../evil': 3 },
      files: { 'outputs/model.txt': 'a model' },
    })
    const failed = recordRun(project, { metrics: { Accuracy: 0.8 }, patch: { state: 'failed', reason: 'Exit code 3.' } })
    const low = recordRun(project, { metrics: { Accuracy: 0.1 } })
    const exported = await project.errand('history', 'export', '--to', '../mlruns', '--format', 'mlflow')
    expect(exported).toMatchObject({ exitCode: 0, stderr: '' })
    const store = join(project.parent, 'mlruns')
    const variables = { ...process.env, MLFLOW_ALLOW_FILE_STORE: 'true', MLFLOW_DISABLE_TELEMETRY: 'true' }
    const program = (name: string) => join(environment ?? '', 'bin', name)
    const read = (uri: string) =>
      JSON.parse(execFileSync(program('python'), ['-c', reader, uri], { encoding: 'utf8', env: variables, stdio: 'pipe' }))
    const found = read(`file://${store}`)
    expect(found).toMatchObject({
      count: 3,
      best: [good.id, failed.id],
      status: { [good.id]: 'FINISHED', [failed.id]: 'FAILED', [low.id]: 'FINISHED' },
      params: {
        alpha: '0.1',
        fast: 'true',
        depth: '3',
        arguments: '--alpha 0.1 --fast --depth=3 data.csv',
        script: 'train.py',
        target: 'local',
      },
      tags: { stage: 'final', 'mlflow.source.git.commit': 'abc', 'mlflow.runName': good.id },
      history: [
        [0.5, 0],
        [0.9, 1],
      ],
      user: 'ann',
      files: ['errand/driver_log.txt', 'errand/other_metrics.json', 'outputs/model.txt'],
      model: 'a model',
    })
    expect(found.metrics).toEqual({ Accuracy: '0.9', Gr__e_x: '1.0', Gr__e_x_2: '2.0', Loss: 'nan', '___.._evil': '3.0' })
    const database = `sqlite:///${join(project.parent, 'mlflow.db')}`
    execFileSync(program('mlflow'), ['migrate-filestore', '--source', store, '--target', database], { env: variables, stdio: 'pipe' })
    expect(read(database)).toEqual(found)
  })
})
