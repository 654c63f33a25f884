import assert from 'node:assert/strict'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunEvent, RunReference } from '@errand/core'
import { finalStatus } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

/** Leaves its working folder, writes what is to come back where it was, logs one value of each kind, and ends as its argument says. */
const script = `
import os, sys
from azureml.core.run import Run
from azureml.logging import get_azureml_logger
here = os.getcwd()
assert os.listdir('outputs') == []
os.chdir('/')

def write(path, content):
    path = os.path.join(here, path)
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with open(path, 'wb') as file:
        file.write(content)
    return path

write('outputs/model.bin', bytes(bytearray(range(256))) * 4)
write('outputs/nothing', b'')
write('outputs/deep/er/.hidden', b'hidden')
os.chmod(write('outputs/deep/tool', b'#!/bin/sh\\n'), 0o755)
os.makedirs(os.path.join(here, 'outputs', 'empty folder'))
write('elsewhere/note.txt', b'note')

logger = get_azureml_logger()
logger.log('Accuracy of all', 0.75)
logger.log('Accuracy of all', 0.5)
logger.log('count', 12)
logger.log('word', u'Gr\\u00f6\\u00dfe')
logger.log('flag', True)
logger.log('losses', [3, 2.5, 1])
logger.log('not a number', float('nan'))
logger.log('no end', [float('inf'), float('-inf')])
run = Run.get_submitted_run()
run.log_row('confusion', actual='yes', predicted='no', count=3)
run.log_table('predictions', {'x': [1, 2], 'y': ['a', 'b']})
run.tag('kind', 'conformance')
sys.exit(int(sys.argv[1]))
`

const metric = (kind: string, name: string, value: unknown) => ({ type: 'metric', kind, name, value })

const logged: readonly object[] = [
  metric('value', 'Accuracy of all', 0.75),
  metric('value', 'Accuracy of all', 0.5),
  metric('value', 'count', 12),
  metric('value', 'word', 'Größe'),
  metric('value', 'flag', true),
  metric('list', 'losses', [3, 2.5, 1]),
  metric('value', 'not a number', { $number: 'NaN' }),
  metric('list', 'no end', [{ $number: 'Infinity' }, { $number: '-Infinity' }]),
  metric('row', 'confusion', { actual: 'yes', predicted: 'no', count: 3 }),
  metric('table', 'predictions', { x: [1, 2], y: ['a', 'b'] }),
  { type: 'tag', name: 'kind', value: 'conformance' },
]

const outputFiles = ['outputs/deep/er/.hidden', 'outputs/deep/tool', 'outputs/model.bin', 'outputs/nothing']

/** What comes back from a run. */
export function outputChecks(): Check[] {
  return [
    { name: 'files, folders and metrics come back', body: (trial) => bringsBack(trial, 0) },
    { name: 'files, folders and metrics come back after a failure as well', body: (trial) => bringsBack(trial, 3) },
    {
      name: 'collect brings what its globs name and no file of the project',
      async body(trial) {
        const reference = await ended(trial, 0)
        assert.deepEqual((await trial.collect(reference, ['elsewhere/*.txt', 'outputs/*'])).paths.toSorted(), [
          'elsewhere/note.txt',
          'outputs/model.bin',
          'outputs/nothing',
        ])
        const everything = await trial.collect(reference, ['**'])
        assert.deepEqual(everything.paths.toSorted(), ['elsewhere/note.txt', ...outputFiles])
      },
    },
    {
      name: 'collect with nothing to bring brings nothing',
      async body(trial) {
        const vanished = await trial.start({ 'main.py': "import os\nos.rmdir('outputs')\n" })
        assert.equal(finalStatus(await trial.events(vanished)).state, 'completed')
        const { directory, paths } = await trial.collect(vanished)
        assert.deepEqual(paths, [])
        assert.deepEqual((await trial.collect(vanished, ['no/such/**'])).paths, [])
        assert.deepEqual(await filesBelow(directory), [])
      },
    },
  ]
}

async function ended(trial: Trial, exitCode: number): Promise<RunReference> {
  const reference = await trial.start({ 'main.py': script }, { arguments: [String(exitCode)] })
  const events = await trial.events(reference)
  const status = finalStatus(events)
  if (exitCode === 0) assert.equal(status.state, 'completed', JSON.stringify(status))
  else assert.ok(status.state === 'failed' && status.exitCode === exitCode, JSON.stringify(status))
  assert.deepEqual(events.filter(({ type }) => type !== 'log' && type !== 'status').map(withoutPlace), logged)
  return reference
}

function withoutPlace({ cursor: _cursor, at: _at, ...event }: RunEvent): object {
  return event
}

async function bringsBack(trial: Trial, exitCode: number): Promise<void> {
  const reference = await ended(trial, exitCode)
  const { directory, paths } = await trial.collect(reference)
  assert.deepEqual(paths.toSorted(), outputFiles)
  assert.deepEqual(await filesBelow(directory), outputFiles, 'the files that are named are there, and no others')
  const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256)
  assert.deepEqual(Uint8Array.from(await readFile(join(directory, 'outputs/model.bin'))), bytes)
  assert.equal(await readFile(join(directory, 'outputs/deep/er/.hidden'), 'utf8'), 'hidden')
  assert.ok((await stat(join(directory, 'outputs/empty folder'))).isDirectory(), 'an empty folder comes back')
  if (process.platform === 'win32') return
  assert.ok(((await stat(join(directory, 'outputs/deep/tool'))).mode & 0o100) !== 0, 'an executable file stays one')
  assert.ok(((await stat(join(directory, 'outputs/model.bin'))).mode & 0o100) === 0, 'another does not become one')
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  return files
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(directory.length + 1)
        .replaceAll('\\', '/'),
    )
    .toSorted()
}
