import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { makeProject, runIdOf, startProcess, until } from './errand.ts'

/** Minutes on two cores that nobody else wants; much more on those that others want too. */
const patience = 30 * 60_000

const script = `
import sys
for index in range(500000):
    sys.stdout.write("out %07d of the interleaved lines\\n" % index)
    sys.stderr.write("err %07d of the interleaved lines\\n" % index)
`

/** What the script writes to one stream, computed apart from it. */
function truth(stream: 'out' | 'err'): string {
  const hash = createHash('sha256')
  for (let index = 0; index < 500_000; index++) hash.update(`${stream} ${String(index).padStart(7, '0')} of the interleaved lines\n`)
  return hash.digest('hex')
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('a million lines on two streams', () => {
  it('survive a client that is killed five times: no gap, no repeat', { timeout: patience }, async () => {
    using project = makeProject({ 'train.py': script })
    const submitted = project.start('submit', '-c', 'local', 'train.py')
    await until(() => submitted.stdout().includes('out 0001000'), 'the first lines')
    submitted.kill('SIGKILL')
    const first = await submitted.finished
    const id = runIdOf(first)
    for (let kill = 0; kill < 4; kill++) {
      const following = project.start('logs', id, '-f')
      await until(() => following.stdout().includes(`out ${String(kill * 20_000).padStart(7, '0')}`), 'more lines')
      following.kill('SIGKILL')
      await following.finished
    }
    const whole = await project.errand('logs', id, '-f')
    expect(whole.exitCode, whole.stderr.slice(-500)).toBe(0)
    expect(digest(whole.stdout)).toBe(truth('out'))
    expect(digest(whole.stderr)).toBe(truth('err'))
    const again = await project.errand('logs', id)
    expect(digest(again.stdout)).toBe(truth('out'))
    const driver = await project.errand('history', 'info', '-r', id, '--artifact', 'driver_log')
    expect(driver.stdout.length).toBe(whole.stdout.length + whole.stderr.length)
  })
})

describe('two hundred submits from eight processes at once', () => {
  it('leave 200 records, none lost, none doubled', { timeout: patience }, async () => {
    using project = makeProject({ 'train.py': 'import sys\nprint("run", sys.argv[1])\n' })
    const loop = 'for i in $(seq 25); do "$0" "$1" submit -c local train.py "$2-$i" >/dev/null || exit 1; done'
    const cli = new URL('../apps/cli/bin/errand.js', import.meta.url).pathname
    const workers = Array.from({ length: 8 }, (_, worker) =>
      startProcess('sh', ['-c', loop, process.execPath, cli, String(worker)], project.directory, project.environment),
    )
    for (const { finished } of workers) {
      const { exitCode, stderr } = await finished
      expect(exitCode, stderr).toBe(0)
    }
    const list = JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout) as { run_id: string; status: string }[]
    expect(list).toHaveLength(200)
    expect(new Set(list.map((run) => run.run_id)).size).toBe(200)
    expect(new Set(list.map((run) => run.status))).toEqual(new Set(['Completed']))
    const outputs = new Set<string>()
    for (const { run_id } of list.slice(0, 20)) outputs.add((await project.errand('logs', run_id)).stdout)
    expect(outputs.size).toBe(20)
  })
})
