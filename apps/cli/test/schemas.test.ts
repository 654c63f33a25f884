import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outputSchemas } from '../src/output-schemas.ts'
import { type TemporaryProject, cliDirectory, standInTargets, temporaryProject } from './project.ts'

const ajv = new Ajv.default({ strict: true, strictRequired: false, allowUnionTypes: true })

/** What is wrong with a value, as paths and sentences; none when it fits. */
function faults(schema: object, value: unknown): string[] {
  const { $schema: _draft, title: _title, ...rest } = { $schema: '', title: '', ...schema }
  const validate = ajv.compile(rest)
  return validate(value) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`)
}

describe('outputs', () => {
  let project: TemporaryProject
  beforeAll(async () => {
    project = temporaryProject()
    const script = `import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for name in ("Accuracy", "Accuracy", "Loss", "duration"):
    logger.log(name, 0.5)
open("outputs/model", "w").close()
print("written")
sys.exit(len(sys.argv) - 1)
`
    project.write('train.py', script)
    project.write('sweep.py', script.replace('sys.exit(len(sys.argv) - 1)\n', ''))
    await project.errand('submit', '-q', '-c', 'local', 'train.py')
    await project.errand('submit', '-q', '-c', 'local', 'train.py', 'fails')
    await project.errand('prepare', '-q', '-c', 'local')
  })
  afterAll(() => project[Symbol.dispose]())

  /** Command lines whose output is held against the schema of their command. */
  const lines: readonly (readonly [command: string, ...words: string[]])[] = [
    ['lint'],
    ['commands'],
    ['completion', 'bash'],
    ['computetarget list'],
    ['computetarget show', 'local'],
    ['computetarget check', 'local'],
    ['computetarget attach', 'remote', '-n', 'gpu', '-a', 'gpu', '-u', 'ann'],
    ['computetarget detach', '-n', 'gpu'],
    ['doctor', '-c', 'local'],
    ['experiment cancel', 'last'],
    ['experiment diagnostics', 'last'],
    ['experiment prepare', '-c', 'local', '--check'],
    ['experiment prepare', '-c', 'local'],
    ['experiment prepare', '-a', '-c', 'local'],
    ['experiment return', 'last', '-f'],
    ['experiment status', 'last'],
    ['experiment submit', '-c', 'local', 'train.py'],
    ['experiment submit', '-a', '-c', 'local', 'train.py'],
    ['history compare'],
    ['history compare', '--diff'],
    ['history download', 'last', '-d', 'there'],
    ['history export', '--to', 'exported'],
    ['history gc'],
    ['history import', 'exported'],
    ['history note', 'last', 'good'],
    ['history tag', 'last', 'stage=final'],
    ['history info', 'last'],
    ['history last'],
    ['history list'],
    ['history restore', 'last', '--to', 'restored'],
    ['init', 'new'],
    ['overview'],
    ['plugins'],
    ['rerun', 'last'],
    ['runconfiguration create', '-n', 'nightly', '-t', 'local'],
    ['runconfiguration list'],
    ['runconfiguration delete', '-n', 'nightly'],
    ['schema'],
    ['secret list'],
    ['shim az', '--into', 'bin'],
    ['sweep', '-c', 'local', '--each', 'x=1,2', '--best', 'Accuracy', 'sweep.py'],
    ['targets'],
    ['wait', 'last'],
    ['continue', 'last'],
    ['history delete', 'last', '-y'],
    ['experiment clean', '--all', '-t', 'local', '-f'],
  ]
  it.each(lines)('%s %s', async (command, ...words) => {
    const finished = await project.errand('-o', 'json', ...command.split(' '), ...words)
    expect(finished.exitCode, finished.stderr).toBe(0)
    const schema = JSON.parse((await project.errand('schema', ...command.split(' '))).stdout)
    const value: unknown = JSON.parse(finished.stdout)
    expect(faults(schema, value)).toEqual([])
    // The schema says something: an empty value of another kind is no output of the command.
    expect(faults(schema, 7)).not.toEqual([])
  })

  it('dry runs, lines of logs, errors and progress', async () => {
    const logs = await project.errand('logs', 'last', '-o', 'json', '--control')
    const error = await project.errand('show', 'nobody', '-o', 'json')
    const progress = await project.errand('submit', '--progress', 'json', '-c', 'local', 'train.py')
    const watched = await project.errand('watch', 'last', '-o', 'json')
    const dry = await project.errand('submit', '--dry-run', '-o', 'json', '-c', 'local', 'train.py')
    const checked: readonly (readonly [string, readonly string[]])[] = [
      ['logs', logs.stdout.trim().split('\n')],
      ['watch', watched.stdout.trim().split('\n')],
      ['dry run', [dry.stdout]],
      ['error', [error.stderr.trim().split('\n').at(-1) ?? '']],
      ['progress', progress.stderr.trim().split('\n')],
    ]
    for (const [name, texts] of checked) {
      expect(texts.length).toBeGreaterThan(0)
      for (const text of texts) expect(faults(outputSchemas[name] ?? {}, JSON.parse(text)), text).toEqual([])
    }
  })

  it('of every command that says something have a schema, and no schema is of none', () => {
    const manifest: { commands: Record<string, { id: string; hidden?: boolean }> } = JSON.parse(
      readFileSync(join(cliDirectory, 'dist/oclif.manifest.json'), 'utf8'),
    )
    const commands = Object.values(manifest.commands).flatMap(({ id, hidden }) => (hidden === true ? [] : [id.replaceAll(':', ' ')]))
    // A command that is missing here gets its row in src/output-schemas.ts, and a line above.
    expect(Object.keys(outputSchemas).toSorted()).toEqual([...commands, 'dry run', 'error', 'progress'].toSorted())
  })

  it('go by any name of the command; an unknown one is answered with the nearest', async () => {
    expect((await project.errand('schema', 'runs')).stdout).toBe((await project.errand('schema', 'history', 'list')).stdout)
    expect(await project.errand('schema', 'runconfigs')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ERROR: There is no schema "runconfigs"\.\ndid you mean runconfig/),
    })
  })
})

describe('configuration files', () => {
  it('have a schema with the settings of the installed types', async () => {
    using project = temporaryProject()
    const folder = standInTargets(join(project.parent, 'plugins'), ['moon'])
    const printed = await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, 'schema', 'compute')
    const schema = JSON.parse(printed.stdout)
    expect(faults(schema, { type: 'moon' })).toEqual([])
    expect(faults(JSON.parse((await project.errand('schema', 'compute')).stdout), { type: 'moon' })).not.toEqual([])
  })

  it('are wired to editors by init, in a project that is there too', async () => {
    using project = temporaryProject()
    project.write('.vscode/settings.json', '// mine\n')
    const made = await project.errand('init')
    expect(made.stdout).toContain('created aml_config/.schemas/runconfig.json')
    expect(project.read('.vscode/settings.json')).toBe('// mine\n')
    expect(await project.errand('init', 'new')).toMatchObject({ exitCode: 0 })
    const settings = JSON.parse(project.read('new/.vscode/settings.json'))
    for (const [path, pattern] of Object.entries(settings['yaml.schemas'])) {
      expect(JSON.parse(project.read(join('new', path)))).toMatchObject({ $schema: expect.stringContaining('2020-12') })
      expect(pattern).toMatch(/^aml_config\/\*/)
    }
    for (const name of ['local.runconfig', 'docker.compute', 'conda_dependencies.yml', 'spark_dependencies.yml']) {
      const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(project.read(`new/aml_config/${name}`)) ?? []
      expect(project.has(join('new/aml_config', path))).toBe(true)
    }
    project.write('aml_config/.schemas/runconfig.json', '{}\n')
    expect((await project.errand('init')).stdout).toContain('created aml_config/.schemas/runconfig.json')
    expect((await project.errand('init')).stdout).toContain('kept    aml_config/.schemas/runconfig.json')
  })
})
