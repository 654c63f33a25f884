import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TemporaryProject, temporaryProject } from './project.ts'

/** A terminal of 40 columns: tables leave out what does not fit and say so, everything else is wrapped. */

let project: TemporaryProject
beforeAll(async () => {
  project = temporaryProject()
  project.write('aml_config/gpu.compute', 'type: remote\naddress: gpu-machine.department.example.com\nusername: ann\n')
  project.write('aml_config/a-long-name-of-a-run-configuration.runconfig', 'Target: gpu\nFramework: Python\n')
  project.write(
    'train.py',
    'from azureml.logging import get_azureml_logger\nget_azureml_logger().log("Accuracy of the test data", 0.123456789)\n',
  )
  await project.errand('submit', '-q', '-c', 'local', 'train.py')
})
afterAll(() => project[Symbol.dispose]())

/** Lines wider than the terminal, but for paths and command lines, which are to be copied. */
async function wideLines(...words: readonly string[]): Promise<string[]> {
  const { exitCode, stdout } = await project.inTerminal({ environment: { TERMINAL_COLUMNS: '40', NO_COLOR: '1' } }, ...words)
  expect(exitCode, stdout).toBe(0)
  const lines = stripVTControlCharacters(stdout).split('\n')
  expect(lines.length).toBeGreaterThan(2)
  return lines.filter((line) => line.length > 40 && !/^ *(\$ )?errand |https?:|^Project |not fit here/.test(line))
}

it.each([[[]], [['runs']], [['computetarget', 'list']], [['runconfiguration', 'list']], [['targets']], [['commands']], [['schema']]])(
  'errand %j fits',
  async (words) => {
    expect(await wideLines(...words)).toEqual([])
  },
)

it.each([[['--help']], [['history', '--help']], [['history', 'list', '--help']], [['wait', '--help']], [['help', 'targets']]])(
  'errand %j is wrapped',
  async (words) => {
    // The summary above the help is one line, which the terminal breaks.
    expect((await wideLines(...words)).filter((line) => !/^[A-Z].*\.$/.test(line))).toEqual([])
  },
)

it('says that columns are left out', async () => {
  const { stdout } = await project.inTerminal({ environment: { TERMINAL_COLUMNS: '40' } }, 'runs')
  expect(stdout).toMatch(/columns do not fit here: -o json shows all/)
})
