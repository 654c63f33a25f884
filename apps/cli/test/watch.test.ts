import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Metric, RunRecord } from '@errand/core/history'
import { sparkline } from '../src/render/sparkline.ts'
import { type SeriesByName, addSeries, watchLines } from '../src/render/watch.ts'
import { runIdOf, temporaryProject } from './project.ts'

const script = `import os, sys, time
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for step in range(6):
    logger.log('Loss', 1 / (step + 1))
logger.log('Rates', [0.1, float('nan'), 0.3])
print('waiting', flush=True)
while len(sys.argv) > 1 and not os.path.exists(sys.argv[1]): time.sleep(0.05)
logger.log('Accuracy', 0.9)
`

describe('a sparkline', () => {
  it('goes from the lowest to the highest', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 20)).toBe('▁▂▃▄▅▆▇█')
    expect(sparkline([5, 5, 5], 20)).toBe('▅▅▅')
    expect(sparkline([1, Number.NaN, 2, Infinity], 20)).toBe('▁·█·')
  })

  it('puts more numbers than fit together, none left out', () => {
    expect(
      sparkline(
        Array.from({ length: 1000 }, (_, index) => index),
        8,
      ),
    ).toBe('▁▂▃▄▅▆▇█')
    expect(sparkline([0, 0, 0, 100], 2)).toBe('▁█')
    expect(sparkline([1], 0)).toBe('')
  })
})

const at = '2026-01-01T00:00:00Z'
const run = {
  id: 'iris_1521077190506',
  state: 'running',
  script: 'train.py',
  target: { name: 'local' },
  startedAt: at,
} as unknown as RunRecord

function seriesOf(metrics: readonly Omit<Metric, 'at'>[]) {
  const known: SeriesByName = new Map()
  for (const metric of metrics) addSeries(known, [{ ...metric, at }])
  return [...known.values()]
}

describe('the picture of a run', () => {
  it('has a line for each value, list and column', () => {
    const series = seriesOf([
      { name: 'Loss', kind: 'value', value: 0.5 },
      { name: 'Loss', kind: 'value', value: { $number: 'NaN' } },
      { name: 'Rates', kind: 'list', value: [1, 2, 3] },
      { name: 'fold', kind: 'row', value: { number: 1, score: 0.25 } },
      { name: 'fold', kind: 'row', value: { number: 2, score: 0.123456789 } },
      { name: 'note', kind: 'value', value: 'good\u001B[31m' },
      { name: 'plot', kind: 'image', value: 'x' },
    ])
    expect(series.map(({ name, latest, numbers }) => [name, latest, numbers.length])).toEqual([
      ['Loss', 'NaN', 2],
      ['Rates', '3', 3],
      ['fold.number', '2', 2],
      ['fold.score', '0.123457', 2],
      ['note', 'good', 0],
      ['plot', '(image)', 0],
    ])
  })

  it.each([20, 40, 80, 200])('fits into a terminal of %i columns', (width) => {
    const values = Array.from({ length: 300 }, (_, index) => index / 7)
    const series = seriesOf([
      ...values.map((value) => ({ name: 'a metric with quite a long name', kind: 'value', value }) as const),
      { name: 'b', kind: 'value', value: 'x'.repeat(100) },
    ])
    const lines = watchLines(run, series, '', width).map((line) => stripVTControlCharacters(line))
    // The head and the last line of output are cut by the picture.
    for (const line of lines.slice(1)) expect(line.length).toBeLessThan(width)
    expect(lines.join('').includes('█')).toBe(width >= 40)
  })
})

it('prints each value as it comes in a pipe, and the status at the end', async () => {
  using project = temporaryProject()
  project.write('fit.py', script)
  const id = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'fit.py', join(project.parent, 'go')))
  const watching = project.start('watch', id)
  await watching.says('Rates [0.1,"NaN",0.3]\n')
  project.write('../go', '')
  const { stdout, exitCode, stderr } = await watching.finished
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const losses = [1, 0.5, 1 / 3, 0.25, 0.2, 1 / 6].map((loss) => `Loss ${loss}\n`).join('')
  expect(stdout).toBe(`${losses}Rates [0.1,"NaN",0.3]\nAccuracy 0.9\n${id} : Completed\n`)
  const objects = (await project.errand('watch', id, '-o', 'json')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(objects.at(-2)).toMatchObject({ name: 'Accuracy', kind: 'value', value: 0.9 })
  expect(objects.at(-1)).toEqual({ run_id: id, status: 'Completed' })
})

it('draws values and courses on a terminal until the run has ended', async () => {
  using project = temporaryProject()
  project.write('fit.py', script)
  const go = join(project.parent, 'go')
  const id = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'fit.py', go))
  const watching = project.inTerminal({}, 'watch', 'last')
  const waiting = project.start('watch', 'last')
  await waiting.says('Rates')
  project.write('../go', '')
  const { stdout, exitCode } = await watching
  await waiting.finished
  expect(exitCode).toBe(0)
  const last = stripVTControlCharacters(stdout.slice(stdout.lastIndexOf('\u001B[J') + 3))
  expect(last).toMatch(new RegExp(`^${id}  Completed  \\d:\\d\\d:\\d\\d  fit.py at local\n\n`))
  expect(last).toMatch(/^Loss {6}0\.166667 {2}█▄▂▁▁▁ {2}0\.166667 … 1$/m)
  expect(last).toMatch(/^Rates {5}0\.3 {7}▁·█ {2}0\.1 … 0\.3$/m)
  expect(last).toMatch(/^Accuracy {2}0\.9\n\n> waiting\n$/m)
})

it('ends with Ctrl-C and leaves the run alone', async () => {
  using project = temporaryProject()
  project.write('fit.py', script)
  const id = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'fit.py', join(project.parent, 'go')))
  const watching = project.start('watch', id)
  await watching.says('Rates')
  watching.interrupt()
  expect((await watching.finished).exitCode).toBe(130)
  expect((await project.errand('status', id)).stdout).toContain('state : Running')
  project.write('../go', '')
  expect((await project.errand('wait', id)).exitCode).toBe(0)
})
