import { sshdProblem } from '@errand/testkit/servers'
import { expect, it } from 'vitest'
import { errand, exampleProject, startPlace } from './remote-place.ts'

const problem = sshdProblem()

it.skipIf(problem)('runs a sweep on a machine behind SSH, two at a time, and brings the metrics of all', async () => {
  await using place = await startPlace()
  using project = exampleProject('iris')
  const attached = await errand(project, `${place.attach} ${place.accept} --password-stdin`, place.server.password)
  expect(attached).toMatchObject({ exitCode: 0 })
  const line = 'sweep -c vm -o json --parallel 2 --best Accuracy train.py {rate} --each rate=0.01,0.1,1'
  const swept = await errand(project, line)
  expect(swept.exitCode, swept.stderr).toBe(0)
  const { status, best, runs } = JSON.parse(swept.stdout)
  expect(status).toBe('Completed')
  expect(runs.map((run: { status: string; metrics: Record<string, unknown> }) => [run.status, run.metrics['Regularization Rate']])).toEqual(
    [
      ['Completed', 0.01],
      ['Completed', 0.1],
      ['Completed', 1],
    ],
  )
  const accuracies = runs.map((run: { metrics: { Accuracy: number } }) => run.metrics.Accuracy)
  expect(best.value).toBe(Math.max(...accuracies))
})
