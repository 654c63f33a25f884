import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openHistory } from '@errand/core/history'
import { describe, expect, it } from 'vitest'
import { runIdOf, type TemporaryProject, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

const script = `import os
import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
logger.log('Accuracy', float('nan'))
logger.log('Accuracy', 0.5)
print('hällo', sys.argv[1:])
sys.stdout.flush()
os.write(2, b'\\xff\\n')
os.makedirs('outputs', exist_ok=True)
open('outputs/model.txt', 'w').write('a model')
`

async function projectWithRuns(): Promise<{ project: TemporaryProject; ids: string[] } & Disposable> {
  const project = temporaryProject()
  project.write('train.py', script)
  const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', '--alpha', '0.1'))
  project.write('train.py', `${script}# changed\n`)
  const second = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
  await project.errand('history', 'tag', second, 'stage=final')
  await project.errand('history', 'note', second, 'the good one')
  return { project, ids: [first, second], [Symbol.dispose]: () => project[Symbol.dispose]() }
}

/** Everything that is said of a run, whatever history it is in. */
async function known(project: TemporaryProject, id: string): Promise<unknown> {
  const record = JSON.parse((await project.errand('history', 'info', '-r', id, '-o', 'json')).stdout)
  const logs = await project.errand('logs', id)
  const model = await project.errand('history', 'info', '-r', id, '--artifact', 'outputs/model.txt')
  // An imported run has no process here.
  const attachments = record.attachments.replace(', pid.txt', '')
  return { ...record, attachments, experiment_id: '', logs, model }
}

describe('history export and import', () => {
  it(
    'bring whole runs into another project: the same records, logs and files, and runs that can be run again',
    { timeout: 240_000 },
    async () => {
      using source = await projectWithRuns()
      const { project, ids } = source
      const [first = '', second = ''] = ids
      const exported = await project.errand('history', 'export', '--to', '../export')
      expect(exported).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringMatching(/^2 runs are in /) })
      using target = temporaryProject()
      const folder = join(project.parent, 'export')
      expect(await target.errand('history', 'import', folder)).toMatchObject({ exitCode: 0, stderr: '', stdout: 'Imported 2 runs.\n' })
      for (const id of ids) expect(await known(target, id)).toEqual(await known(project, id))
      expect(await target.errand('history', 'import', folder)).toMatchObject({ stdout: 'Imported 0 runs; 2 were here already.\n' })
      expect((await target.errand('rerun', first)).stdout).toContain("hällo ['--alpha', '0.1']")
      expect((await target.errand('compare', first, second, '--diff')).stdout).toContain('+# changed\n')
      expect((await target.errand('history', 'gc')).stdout).toBe('Nothing may go.\n')
    },
  )

  it('takes along what can be read of a damaged history, and names the rest', { timeout: 240_000 }, async () => {
    using source = temporaryProject()
    const [whole = '', word = '', record = '', cut = ''] = Array.from({ length: 4 }, () => recordRun(source, { metrics: { a: 1 } }).id)
    {
      using database = new DatabaseSync(join(source.directory, '.errand/history.db'))
      database.exec("UPDATE runs SET state = 'melted' WHERE number = 2")
      database.exec("UPDATE run_details SET status = '{' WHERE number = 3")
    }
    truncateSync(join(source.directory, '.errand/runs', cut, 'log'), 9)
    for (const format of ['errand', 'mlflow']) {
      const exported = await source.errand('history', 'export', '--to', `../${format}`, '--format', format, '-o', 'json')
      expect(exported.exitCode).toBe(2)
      expect(JSON.parse(exported.stdout)).toMatchObject({ runs: [whole, cut] })
      const warnings = exported.stderr.trim().split('\n')
      expect(warnings).toEqual([word, record, cut].map((id) => expect.stringMatching(new RegExp(`^WARNING: .*${id}`))))
    }
    using target = temporaryProject()
    const folder = join(source.parent, 'errand')
    expect(await target.errand('history', 'import', folder)).toMatchObject({ exitCode: 0, stdout: 'Imported 2 runs.\n' })
  })

  it('keeps the order of time between runs of two histories', { timeout: 120_000 }, async () => {
    using source = temporaryProject()
    const older = recordRun(source).id
    await source.errand('history', 'export', '--to', '../export')
    using target = temporaryProject()
    const newer = recordRun(target).id
    await target.errand('history', 'import', join(source.parent, 'export'))
    using history = openHistory(target.directory)
    expect(history.list().map(({ id }) => id)).toEqual([newer, older])
    expect(history.resolve('last').id).toBe(newer)
    expect(history.list().map(({ number }) => number)).toEqual([1, 2])
  })

  it('imports nothing from an export that has a mistake, and names every one with its line', { timeout: 240_000 }, async () => {
    using source = await projectWithRuns()
    const folder = join(source.project.parent, 'export')
    await source.project.errand('history', 'export', '--to', folder)
    const file = join(folder, 'history.jsonl')
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const at = (type: string) => lines.findIndex((line) => line.startsWith(`{"type":"${type}"`))
    const run = JSON.parse(lines[at('run')] ?? '')
    const broken = lines.with(at('run'), JSON.stringify({ ...run, id: '../../evil', artifacts: [] }))
    const snapshot = (lines[at('snapshot')] ?? '').replace('train.py', '../t.py')
    broken[at('snapshot')] = snapshot
    broken.push('{"type":"run"', JSON.stringify({ ...run, artifacts: [{ path: '../../../evil' }] }), '{"type":"surprise"}')
    writeFileSync(file, `${broken.join('\n')}\n`)
    using target = temporaryProject()
    const refused = await target.errand('history', 'import', folder)
    expect(refused.exitCode).toBe(1)
    for (const [line, message] of [
      [at('snapshot') + 1, 'the list does not have the digest'],
      [at('run') + 1, '"../../evil" is no run id'],
      [lines.length + 1, 'this is no JSON'],
      [lines.length + 2, 'the artifact "../../../evil" of the run'],
      [lines.length + 3, 'there is no line of the type "surprise"'],
    ]) {
      expect(refused.stderr).toContain(`history.jsonl:${line}: ${message}`)
    }
    expect(refused.stderr).toContain('Nothing was imported.')
    expect((await target.errand('history', 'list', '-o', 'json')).stdout).toBe('[]\n')
    writeFileSync(file, '{"type":"project","version":2}\n')
    expect((await target.errand('history', 'import', folder)).stderr).toContain(
      'this export has version 2; this errand reads versions up to 1',
    )
    expect((await target.errand('history', 'import', join(folder, 'runs'))).stderr).toMatch(/^ERROR: There is no file .*history\.jsonl/)
  })

  it('says what is missing or damaged, and writes over nothing', { timeout: 240_000 }, async () => {
    using source = await projectWithRuns()
    const { project, ids } = source
    rmSync(join(project.directory, '.errand/runs', ids[0] ?? '', 'files/outputs/model.txt'))
    const folder = join(project.parent, 'export')
    const exported = await project.errand('history', 'export', '--to', folder)
    expect(exported).toMatchObject({ exitCode: 0, stderr: `WARNING: outputs/model.txt of ${ids[0]} is not in the history.\n` })
    expect(await project.errand('history', 'export', '--to', folder)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/is there already/),
    })
    const contents = readdirSync(join(folder, 'objects'), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, 'objects', name),
    )
    const content = contents.find((path) => statSync(path).isFile()) ?? ''
    const copy = join(project.parent, 'copy')
    cpSync(folder, copy, { recursive: true })
    rmSync(content)
    using target = temporaryProject()
    const imported = await target.errand('history', 'import', folder)
    expect(imported).toMatchObject({ exitCode: 0, stdout: 'Imported 2 runs.\n', stderr: expect.stringContaining('is not in the export') })
    const changed = content.replace(folder, copy)
    rmSync(changed)
    mkdirSync(join(changed, '..'), { recursive: true })
    writeFileSync(changed, readFileSync(join(copy, 'history.jsonl')).subarray(0, 10))
    appendFileSync(changed, 'other')
    using other = temporaryProject()
    // What somebody has put where the run would come.
    other.write(`.errand/runs/${ids[0]}/log`, 'mine')
    const partly = await other.errand('history', 'import', copy, '-o', 'json')
    expect(partly.exitCode).toBe(1)
    expect(partly.stderr).toMatch(/WARNING: .* does not have the content of its name/)
    expect(JSON.parse(partly.stdout)).toMatchObject({ imported: ids, skipped: [], left: [{}] })
    const aside = readdirSync(join(other.directory, '.errand/runs')).find((name) => name.startsWith(`${ids[0]}.`)) ?? ''
    expect(readFileSync(join(other.directory, '.errand/runs', aside, 'log'), 'utf8')).toBe('mine')
    expect(existsSync(join(other.directory, '.errand/objects'))).toBe(true)
    expect(JSON.parse((await other.errand('history', 'list', '-o', 'json', '--query', '[].run_id')).stdout)).toEqual(ids.toReversed())
    expect(readdirSync(join(other.directory, '.errand')).filter((name) => name.startsWith('import-'))).toEqual([])
  })
})
