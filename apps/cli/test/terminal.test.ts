import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type TemporaryProject, cliDirectory, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

/** A type of target that takes its time to prepare and says so. */
function addSlowTarget(project: TemporaryProject, milliseconds: number): NodeJS.ProcessEnv {
  const directory = join(project.parent, 'slow-target')
  mkdirSync(directory)
  const metadata = { name: 'slow-target', version: '1.0.0', type: 'module', errand: { targets: { slow: './target.js' } } }
  writeFileSync(join(directory, 'package.json'), JSON.stringify(metadata))
  const local = join(cliDirectory, 'node_modules/@errand/target-local/dist/target.js')
  writeFileSync(
    join(directory, 'target.js'),
    `import { setTimeout } from 'node:timers/promises'
import local from ${JSON.stringify(local)}
async function load() {
  return {
    createTarget: () => ({
      async prepare(request, { report }) {
        for (let done = 0; done < 10; done += 1) {
          report({ message: 'building the image', done, total: 10, unit: 'steps' })
          await setTimeout(${milliseconds / 10})
        }
        return { environmentKey: 'slow-key' }
      },
      async [Symbol.asyncDispose]() {},
    }),
  }
}
export default { ...local, type: 'slow', load }
`,
  )
  project.write('aml_config/slow.compute', 'type: slow\n')
  project.write('aml_config/slow.runconfig', 'Target: slow\nFramework: Python\nArgumentVector: [$file]\n')
  return { ERRAND_TARGETS: directory }
}

it('draws how far a long step is on a terminal, and wipes it before it goes on', async () => {
  using project = temporaryProject()
  const environment = addSlowTarget(project, 1500)
  const { stdout, exitCode } = await project.inTerminal({ environment }, 'prepare', '-c', 'slow')
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/)
  expect(stdout).toMatch(/building the image .* of 10 steps/)
  const afterLastWipe = stdout.split('\r\u001B[K').at(-1)
  expect(afterLastWipe).toBe('slow is prepared: slow-key.\n')
})

it('draws nothing for a step that is over within half a second', async () => {
  using project = temporaryProject()
  const environment = addSlowTarget(project, 0)
  const { stdout } = await project.inTerminal({ environment }, 'prepare', '-c', 'slow')
  expect(stdout).toMatch(/^RunId: \S+\nslow is prepared: slow-key\.\n$/)
})

it('draws nothing in a pipe or a terminal that says it is dumb', async () => {
  using project = temporaryProject()
  const environment = addSlowTarget(project, 1500)
  const pipe = await project.errandWith({ environment }, 'prepare', '-c', 'slow')
  expect(pipe.stderr).toBe('')
  expect(pipe.stdout).toMatch(/^RunId: \S+\nslow is prepared: slow-key\.\n$/)
  const dumb = await project.inTerminal({ environment: { ...environment, TERM: 'dumb' } }, 'prepare', '-c', 'slow')
  expect(dumb.stdout).toMatch(/^RunId: \S+\nslow is prepared: slow-key\.\n$/)
})

it('colours the word ERROR on a terminal only, and not with NO_COLOR', async () => {
  using project = temporaryProject()
  const words = ['history', 'lits']
  const [terminal, without, pipe] = await Promise.all([
    project.inTerminal({ environment: { TERM: 'xterm-256color' } }, ...words),
    project.inTerminal({ environment: { NO_COLOR: '1' } }, ...words),
    project.errand(...words),
  ])
  expect(terminal?.stdout).toContain('\u001B[31m')
  expect(without?.stdout).not.toContain('\u001B')
  expect(pipe?.stderr).not.toContain('\u001B')
})

it('shows output of the script and of the client in the order in which it came', async () => {
  using project = temporaryProject()
  project.write('both.py', 'import sys\nfor i in range(20):\n    print(i, file=sys.stderr if i % 2 else sys.stdout, flush=True)\n')
  const { stdout } = await project.inTerminal({}, 'submit', '-c', 'local', 'both.py')
  const numbers = stdout.split('\n').filter((line) => /^\d+$/.test(line))
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`))
})

it('begins a line of its own behind a question that somebody has left', async () => {
  using project = temporaryProject()
  recordRun(project)
  const left = await project.inTerminal({ after: '[y/N]', typed: '\u0003' }, 'history', 'delete', 'last')
  expect(left).toMatchObject({ exitCode: 130, stdout: expect.stringMatching(/\[y\/N\].*\n.*ERROR:.* Nothing was entered\./) })
})
