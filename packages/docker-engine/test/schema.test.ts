import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { readContainerOptions } from '../src/container-options.ts'
import { bytesOf, gpuRequest, processorsOf } from '../src/container-settings.ts'
import { perRun } from '../src/schema.ts'

const schema = v.strictObject(perRun)

describe('the schema of the settings of a container', () => {
  it('refuses all bad values at once, each at its place', () => {
    const { issues = [] } = v.safeParse(schema, { memory: 'lots', cpus: -1, gpus: 'two', shmSize: '2x', containerOptions: ['-e', 'A=B'] })
    expect(issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`).toSorted()).toEqual([
      'containerOptions.0: -e: write variables into EnvironmentVariables of the run configuration',
      'cpus: -1 is no number of processors: write 2 or 0.5',
      'gpus: two names no GPUs: write all, a number, or device=0,1',
      'memory: lots is no size: write 512m or 2g',
      'shmSize: 2x is no size: write 512m or 2g',
    ])
  })

  it.each([
    ['memory', ['8g', '512M', ' 1.5 GiB ', '100b', 1024, 0, 'lots', '2x', -1, '', '1.g'], (value: string) => bytesOf('memory', value)],
    ['cpus', ['1.5', 2, '0.5', '.5', '2.', '0', '0.0', 0, -1, '-1', 'two', ''], (value: string) => processorsOf('cpus', value)],
    ['gpus', ['all', '"all"', 2, '2', 'device=0,1', '"device=0,1"', 'two', '0', 0, -1, ''], gpuRequest],
  ] as const)('takes for %s what a run takes, and nothing else', (key, values, read) => {
    for (const value of values) expect([value, v.is(schema, { [key]: value })]).toEqual([value, !throws(() => read(value as string))])
  })

  it.each([
    [['--ipc', 'host']],
    [['--ipc=host', '-v', '/a:/b', '--memory-swap', '-1']],
    [['--volume /a:/b']],
    [['--privileged']],
    [['-e', 'A=B']],
    [['--env=A=B']],
    [['--publish', '80:80']],
    [['--ipcs=host']],
  ])('takes of the options %j what a run takes', (containerOptions) => {
    expect(v.is(schema, { containerOptions })).toBe(!throws(() => readContainerOptions(containerOptions)))
  })
})

function throws(action: () => unknown): boolean {
  try {
    action()
    return false
  } catch {
    return true
  }
}
