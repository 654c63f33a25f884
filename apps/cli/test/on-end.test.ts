import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type TemporaryProject, runIdOf, temporaryProject } from './project.ts'

const write = 'echo "$ERRAND_RUN_ID $ERRAND_RUN_STATUS $ERRAND_RUN_SCRIPT $ERRAND_RUN_TARGET" >> ended; echo told'

function project(): TemporaryProject {
  const made = temporaryProject()
  made.write('train.py', 'import sys\nprint("hello")\nsys.exit(len(sys.argv) - 1)\n')
  return made
}

it('is called once after a run, in the project, and leaves standard output alone', async () => {
  using made = project()
  const finished = await made.errand('submit', '-c', 'local', '--on-end', write, 'train.py')
  expect(made.read('ended')).toBe(`${runIdOf(finished)} Completed train.py local\n`)
  expect(finished).toMatchObject({ exitCode: 0, stderr: 'told\n' })
  expect(finished.stdout).not.toContain('told')
})

it('is called for a run that failed or was never started, before the error is said', async () => {
  using made = project()
  made.write('aml_config/gone.compute', 'type: local\npythonLocation: /nowhere/python\n')
  const failed = await made.errand('submit', '-c', 'local', '--on-end', write, 'train.py', 'x')
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^told\nERROR: /) })
  const impossible = await made.errand('submit', '-c', 'local', '-t', 'gone', '--on-end', write, 'train.py')
  expect(impossible.exitCode).toBe(1)
  const ids = [failed, impossible].map((finished) => `${runIdOf(finished)} Failed`)
  expect(made.read('ended')).toMatch(new RegExp(`^${ids[0]} train\\.py local\\n${ids[1]} train\\.py gone\\n$`))
})

it('is called by the one that is left behind, for an untracked run, and for a rerun', async () => {
  using made = project()
  const left = runIdOf(await made.errand('submit', '-a', '-c', 'local', '--on-end', write, 'train.py'))
  while (!made.has('ended') || !made.read('ended').endsWith('\n')) await delay(50)
  expect(made.read('ended')).toBe(`${left} Completed train.py local\n`)
  const again = runIdOf(await made.errand('rerun', left, '--on-end', write))
  const untracked = runIdOf(await made.errand('submit', '-u', '-c', 'local', '--on-end', write, 'train.py'))
  const lines = made.read('ended').split('\n')
  expect(lines.slice(1, 3)).toEqual([`${again} Completed train.py local`, `${untracked} Completed train.py local`])
})

it('that fails is said and changes nothing; after Ctrl-C nobody calls it, which is said', async () => {
  using made = project()
  made.write('long.py', 'import time\nprint("up", flush=True)\ntime.sleep(600)\n')
  const finished = await made.errand('submit', '-c', 'local', '--on-end', 'exit 7', 'train.py')
  expect(finished).toMatchObject({ exitCode: 0, stderr: 'WARNING: the command of --on-end ended with 7.\n' })
  const started = made.start('submit', '-c', 'local', '--on-end', write, 'long.py')
  await started.says('up\n')
  started.interrupt()
  const interrupted = await started.finished
  expect(interrupted.exitCode).toBe(130)
  expect(interrupted.stderr).toContain(`errand wait ${runIdOf(interrupted)}; ${write}`)
  await made.errand('cancel', 'last')
  expect(made.has('ended')).toBe(false)
})
