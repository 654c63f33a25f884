import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { prefixedLines } from '../src/prefixed-lines.ts'
import { runIdOf, temporaryProject } from './project.ts'

/** Says its name line by line, one of them in two halves, and waits in between for a file outside its project. */
const script = `import os, sys, time
name, go = sys.argv[1:3]
print(name, 'one', flush=True)
sys.stdout.write(name + ' tw')
sys.stdout.flush()
while not os.path.exists(go): time.sleep(0.05)
print('o')
print(name, 'error', file=sys.stderr)
sys.stdout.write(name + ' end')
`

it('follows several runs at once, each line whole and with its run in front', async () => {
  using project = temporaryProject()
  project.write('talk.py', script)
  const go = join(project.parent, 'go')
  const a = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'talk.py', 'A', go))
  const b = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'talk.py', 'B', go))
  const following = project.start('logs', '-f', a, b)
  await following.says(`${a} | A one\n`)
  await following.says(`${b} | B one\n`)
  project.write('../go', '')
  const finished = await following.finished
  expect(finished.exitCode).toBe(0)
  const of = (id: string, text: string) => text.split('\n').filter((line) => line.startsWith(`${id} | `))
  expect(of(a, finished.stdout)).toEqual([`${a} | A one`, `${a} | A two`, `${a} | A end`])
  expect(of(b, finished.stdout)).toEqual([`${b} | B one`, `${b} | B two`, `${b} | B end`])
  expect(finished.stdout.split('\n')).toHaveLength(7)
  expect(finished.stderr.split('\n').toSorted()).toEqual(['', `${a} | A error`, `${b} | B error`])
  const tail = await project.errand('logs', '--tail', '1', a, b)
  expect(of(a, tail.stdout)).toEqual([`${a} | A end`])
  const json = await project.errand('logs', '-o', 'json', a, b)
  const pieces = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const text = (id: string) =>
    pieces
      .filter((piece) => piece.run_id === id && piece.stream === 'stdout')
      .map((piece) => piece.text)
      .join('')
  expect([text(a), text(b)]).toEqual(['A one\nA two\nA end', 'B one\nB two\nB end'])
})

it('follows the runs of a sweep with their values, also those that begin meanwhile', async () => {
  using project = temporaryProject()
  project.write('talk.py', script)
  const words = ['talk.py', '{name}', join(project.parent, 'go'), '--each', 'name=A,B']
  const sweeping = project.start('sweep', '-c', 'local', ...words)
  await sweeping.says('RunId: ')
  const [sweep] = JSON.parse((await project.errand('history', 'list', '-o', 'json', '--query', '[-1:].run_id')).stdout)
  const both = project.start('logs', '-f', sweep)
  await both.says('name=A | A one\n')
  project.write('../go', '')
  expect((await sweeping.finished).exitCode).toBe(0)
  const { stdout, exitCode } = await both.finished
  expect(exitCode).toBe(0)
  // Each run's lines are in their order; a follower may hear of B before it has asked for the rest of A.
  const of = (name: string) => stdout.split('\n').filter((line) => line.startsWith(`name=${name} | `))
  expect(of('A')).toEqual(['name=A | A one', 'name=A | A two', 'name=A | A end'])
  expect(of('B')).toEqual(['name=B | B one', 'name=B | B two', 'name=B | B end'])
  expect(stdout.split('\n')).toHaveLength(7)
})

it('ends behind the runs of a sweep whose client was killed', async () => {
  using project = temporaryProject()
  project.write('talk.py', script)
  const words = ['talk.py', '{name}', join(project.parent, 'go'), '--each', 'name=A,B']
  const sweeping = project.start('sweep', '-c', 'local', ...words)
  await sweeping.says('RunId: ')
  const [sweep] = JSON.parse((await project.errand('history', 'list', '-o', 'json', '--query', '[-1:].run_id')).stdout)
  const both = project.start('logs', '-f', sweep)
  await both.says('name=A | A one\n')
  sweeping.kill()
  await sweeping.finished
  project.write('../go', '')
  const { stdout, exitCode } = await both.finished
  expect(exitCode).toBe(0)
  expect(stdout).toBe('name=A | A one\nname=A | A two\nname=A | A end\n')
})

it('keeps bytes as they are, and shows a line without an end in parts', () => {
  const lines = prefixedLines('r', 3, 0, process.stdout)
  const plain = (data: Uint8Array) => stripVTControlCharacters(Buffer.from(data).toString('latin1'))
  expect(plain(lines.take('stdout', Buffer.from([0xff, 0x0a, 0xc3])))).toBe('r   | \u00FF\n')
  expect(plain(lines.take('stderr', Buffer.from('x')))).toBe('')
  expect(plain(lines.take('stdout', Buffer.from([0xa4, 0x0a])))).toBe('r   | \u00C3\u00A4\n')
  expect(plain(lines.take('stdout', Buffer.alloc(70_000, 'y')))).toBe(`r   | ${'y'.repeat(70_000)}\n`)
  expect(lines.rest().map(([stream, data]) => [stream, plain(data)])).toEqual([['stderr', 'r   | x\n']])
})
