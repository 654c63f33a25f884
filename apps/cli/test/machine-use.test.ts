import { expect, it } from 'vitest'
import { runIdOf, temporaryProject } from './project.ts'

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) ?? ''

it.each([
  [['history', 'info', '-r', 'nobody', '-o', 'json'], 'RUN_NOT_FOUND'],
  [['-o', 'json', 'history', 'info', '-r', 'nobody'], 'RUN_NOT_FOUND'],
  [['history', 'info', '-r', 'nobody', '--output=jsonc'], 'RUN_NOT_FOUND'],
  [['logs', 'nobody', '--progress', 'json'], 'RUN_NOT_FOUND'],
  [['hstory', 'list', '-o', 'json'], 'COMMAND_UNKNOWN'],
  [['history', 'list', '--statsu', 'x', '-ojson'], 'OPTION_UNKNOWN'],
  [['history', 'list', '--limit', 'many', '-o=json'], 'OPTION_INVALID'],
  [['history', 'list', 'extra', '-o', 'json'], 'ARGUMENT_UNEXPECTED'],
  [['secret', 'set', '-o', 'json'], 'ARGUMENT_MISSING'],
  [['runconfiguration', 'create', '-n', 'x', '-o', 'json'], 'OPTION_MISSING'],
  [['-o', 'json', 'submit', 's.py'], 'RUN_CONFIGURATION_MISSING'],
])('%j ends with the error as a line of JSON on stderr', async (words, code) => {
  using project = temporaryProject()
  const { exitCode, stdout, stderr } = await project.errand(...words)
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  const [, sentence = ''] = /^ERROR: (.*)\n/.exec(stderr) ?? []
  const { error } = JSON.parse(lastLine(stderr))
  expect(Object.keys(error)).toEqual(['code', 'message', 'hint'])
  expect(error).toMatchObject({ code, hint: expect.stringMatching(/^./) })
  expect(error.message.split('\n')[0]).toBe(sentence)
})

it.each([
  [['--help', '-o', 'json'], 'computetarget attach'],
  [['-o', 'json', 'help', 'sweep'], 'sweep'],
  [['submit', '-c', 'local', '--help', '-ojson'], 'experiment submit'],
])('%j is the help as data, as pure as all other answers', async (words, command) => {
  using project = temporaryProject()
  const { exitCode, stdout, stderr } = await project.errand(...words)
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ command, summary: expect.stringMatching(/\.$/) }))
})

it('writes no JSON on stderr for who did not ask for it, nor for a script whose own words look like ours', async () => {
  using project = temporaryProject()
  project.write('fails.py', 'raise SystemExit(1)\n')
  expect((await project.errand('show', 'nobody')).stderr).not.toContain('{')
  const { stderr } = await project.errand('submit', '-c', 'local', 'fails.py', '-o', 'json')
  expect(stderr).toMatch(/^ERROR: /m)
  expect(stderr).not.toContain('{')
})

it('has the record of a failed run on stdout and its error as the last line of stderr', async () => {
  using project = temporaryProject()
  project.write('fails.py', 'print("before")\nraise SystemExit(3)\n')
  const { exitCode, stdout, stderr } = await project.errand('submit', '-o', 'json', '-c', 'local', 'fails.py')
  expect(exitCode).toBe(1)
  const { run_id, status } = JSON.parse(stdout)
  expect(status).toBe('Failed')
  expect(JSON.parse(lastLine(stderr))).toMatchObject({ error: { code: 'RUN_FAILED', message: expect.stringContaining(run_id) } })
})

it('says with --quiet nothing but results and errors', async () => {
  using project = temporaryProject()
  project.write('train.py', 'import sys\nprint("result")\nsys.stderr.write("aside\\n")\nsys.exit(len(sys.argv) - 1)\n')
  expect(await project.errand('submit', '-q', '-c', 'local', 'train.py')).toEqual({ exitCode: 0, stdout: 'result\n', stderr: 'aside\n' })
  const failed = await project.errand('submit', '--quiet', '-c', 'local', 'train.py', 'x')
  expect(failed.stdout).toBe('result\n')
  expect(failed.stderr).toMatch(/^aside\nERROR: /)
  const left = await project.errand('submit', '-a', '-q', '-c', 'local', 'train.py')
  expect(left.stdout).toMatch(/^iris_\d{13}\n$/)
  expect(await project.errand('wait', '-q', left.stdout.trim())).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  const prepared = await project.errand('prepare', '-q', '-ac', 'local')
  expect(prepared.stdout).toMatch(/^iris_\d{13}\n$/)
  expect(await project.errand('wait', '-q', prepared.stdout.trim())).toMatchObject({ exitCode: 0 })
  // A note of the configuration, and the sentence of a command that acts.
  const create = ['runconfiguration', 'create', '-n', 'far', '-t', 'faraway']
  expect(await project.errand(...create, '-q')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
})

it('writes progress as one object a line with --progress json, and none with none', async () => {
  using project = temporaryProject()
  project.write('train.py', 'print("result")\n')
  const finished = await project.errand('submit', '--progress', 'json', '-c', 'local', 'train.py')
  const lines = finished.stderr.trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ progress: { message: expect.stringMatching(/./) } })
  expect(finished.stdout).toContain('result\n')
  const silent = await project.inTerminal({}, 'wait', runIdOf(finished), '--progress', 'none')
  expect(silent.stdout).not.toContain('waiting')
})

it('shows what a run wrote as one object a line', async () => {
  using project = temporaryProject()
  project.write('train.py', 'import sys\nprint("wört", flush=True)\nsys.stderr.write("aside\\n")\n')
  await project.errand('submit', '-q', '-c', 'local', 'train.py')
  const { stdout, stderr } = await project.errand('logs', 'last', '-o', 'json')
  const pieces: { stream: string; text: string }[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const textOf = (stream: string) => pieces.map((piece) => (piece.stream === stream ? piece.text : '')).join('')
  expect({ stdout: textOf('stdout'), stderr: textOf('stderr'), aside: stderr }).toEqual({ stdout: 'wört\n', stderr: 'aside\n', aside: '' })
})

it('has short names for what the original calls history', async () => {
  using project = temporaryProject()
  project.write('train.py', 'open("outputs/model", "w").close()\n')
  const id = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
  expect((await project.errand('runs')).stdout).toBe((await project.errand('history', 'list')).stdout)
  expect((await project.errand('show', 'last')).stdout).toBe((await project.errand('history', 'info', '-r', id)).stdout)
  expect(await project.errand('download', id, '-d', 'there')).toMatchObject({ exitCode: 0 })
  expect(project.has('there/outputs/model')).toBe(true)
})

it('has the error of a prepare that was to go on alone as its own', async () => {
  using project = temporaryProject()
  const left = await project.errand('prepare', '-a', '-c', 'lokal', '-o', 'json')
  const straight = await project.errand('prepare', '-c', 'lokal', '-o', 'json')
  expect(left).toEqual(straight)
  expect(JSON.parse(lastLine(left.stderr))).toMatchObject({ error: { message: expect.stringContaining('lokal') } })
})
