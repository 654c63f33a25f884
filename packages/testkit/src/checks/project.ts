import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LongFile, ReadFile, RunRequest, Snapshot, SnapshotFile } from '@errand/core'
import { contextFolders } from '../context.ts'
import { type ProjectFiles, digestOf, takeProjectSnapshot } from '../project-files.ts'
import { finalStatus, reportMark, reportOf } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

const script = `
import hashlib, json, os, stat, subprocess, sys
import at_the_root
import beside

def kind_of(path):
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return {'kind': 'link', 'to': os.readlink(path)}
    if stat.S_ISDIR(status.st_mode):
        return {'kind': 'directory'}
    with open(path, 'rb') as file:
        content = file.read()
    return {'kind': 'file', 'size': len(content), 'executable': bool(status.st_mode & 0o100), 'digest': 'sha256:' + hashlib.sha256(content).hexdigest()}

found = {}
for folder, folders, files in os.walk('.'):
    folders[:] = [name for name in folders if name != '__pycache__']
    for name in folders + files:
        path = os.path.join(folder, name)
        found[os.fsencode(os.path.relpath(path, '.')).decode('utf-8')] = kind_of(path)

with open('written-by-the-script', 'w') as file:
    file.write('x')
with open('through-the-link') as file:
    linked = file.read()
print('${reportMark}' + json.dumps({
    'found': found,
    'linked': linked,
    'cwd': os.path.realpath(os.getcwd()),
    'script': sys.argv[0],
    'file': os.path.realpath(__file__),
    'first': os.path.realpath(sys.path[0]),
    'last': os.path.realpath(sys.path[-1]),
    'imported': [beside.NAME, at_the_root.NAME],
    'tool': subprocess.check_output([os.path.join('.', 'bin', 'tool.sh')]).decode('ascii').strip(),
    'input': sys.stdin.read() if sys.stdin else '',
    'run': os.environ.get('ERRAND_RUN_ID'),
}))
`

const files: ProjectFiles = {
  'code/main.py': script,
  'code/beside.py': "NAME = 'beside'\n",
  'at_the_root.py': "NAME = 'root'\n",
  'bin/tool.sh': { executable: '#!/bin/sh\necho tool ran\n' },
  'data/every byte': Uint8Array.from({ length: 1024 }, (_, index) => index % 256),
  'data/nothing': '',
  'data/deep/er/est/Grüße 漢字.txt': 'text\n',
  'through-the-link': { link: 'data/deep/er/est/Grüße 漢字.txt' },
  'empty folder': { directory: true },
}

interface Seen {
  readonly found: Readonly<Record<string, object>>
  readonly linked: string
  readonly cwd: string
  readonly script: string
  readonly file: string
  readonly first: string
  readonly last: string
  readonly imported: readonly string[]
  readonly tool: string
  readonly input: string
  readonly run: string | null
}

interface Look {
  readonly seen: Seen
  readonly runId: string
  readonly projectDirectory: string
  readonly snapshot: Snapshot
  readonly projectAfter: readonly string[]
}

/** The copy of the project that a script finds itself in. One run is looked at from all sides. */
export function projectChecks(): Check[] {
  let looked: Promise<Look> | undefined
  const look = (trial: Trial) => (looked ??= lookAround(trial))
  const check = (name: string, judge: (look: Look) => void): Check => ({ name, body: async (trial) => judge(await look(trial)) })

  return [
    check('the working folder holds the project and nothing else but outputs', ({ seen, snapshot }) => {
      assert.deepEqual(seen.found, expectedIn(snapshot))
      assert.equal(seen.linked, 'text\n', 'a link leads to its file')
      assert.equal(seen.tool, 'tool ran', 'an executable file can be executed')
    }),
    check("the script works in a copy: the user's own project stays as it is", ({ seen, projectDirectory, projectAfter }) => {
      assert.notEqual(seen.cwd, projectDirectory)
      assert.equal(seen.file, `${seen.cwd}/code/main.py`)
      assert.deepEqual(projectAfter, topLevel(Object.keys(files)))
    }),
    check("the script's folder is first on sys.path, the project's root is last, and argv[0] is the script's path", ({ seen }) => {
      assert.equal(seen.first, `${seen.cwd}/code`)
      assert.equal(seen.last, seen.cwd)
      assert.deepEqual(seen.imported, ['beside', 'root'])
      assert.equal(seen.script, 'code/main.py')
    }),
    check('the script knows its run id and has nothing to read from', ({ seen, runId }) => {
      assert.equal(seen.run, runId)
      assert.equal(seen.input, '')
    }),
    { name: 'the working folder holds the project also after a head start with what it was before', body: headStart },
  ]
}

/** Files that the snapshot has, files that it had, and a long one that was never read to its end. */
async function headStart(trial: Trial): Promise<void> {
  const request = await trial.request(files)
  const earlier = { 'code/main.py': "print('an earlier version')\n", 'code/gone.py': 'no longer there\n' }
  const { entries } = await takeProjectSnapshot(join(trial.directory, contextFolders.objects), earlier)
  const prepared = await trial.prepare()
  const reference = await trial.step(async (target, options) => {
    await target.receive?.(request, readFiles(request, entries.filter(isFile)), options)
    return target.submit(request, prepared, options)
  })
  trial.remember(reference)
  const { found } = reportOf(await trial.events(reference)) as Seen
  assert.deepEqual(found, expectedIn(request.snapshot))
}

async function* readFiles({ snapshot }: RunRequest, earlier: readonly SnapshotFile[]): AsyncGenerator<ReadFile> {
  const long = Buffer.alloc(3_000_000, 'long ')
  yield* earlier
  yield longFile('code/at_last.bin', long, digestOf(long))
  yield longFile('code/interrupted.bin', long.subarray(0, 1_000_000), undefined)
  yield* snapshot.entries.filter(isFile)
}

function longFile(path: string, content: Buffer, digest: string | undefined): LongFile {
  return {
    kind: 'long',
    path,
    size: 3_000_000,
    executable: false,
    digest: new Promise((resolve) => setImmediate(resolve, digest)),
    async *content() {
      yield content
    },
  }
}

const isFile = (entry: Snapshot['entries'][number]): entry is SnapshotFile => entry.kind === 'file'

async function lookAround(trial: Trial): Promise<Look> {
  const request = await trial.request(files)
  const reference = await trial.submit(request)
  const events = await trial.events(reference)
  const seen = reportOf(events) as Seen
  assert.equal(finalStatus(events).state, 'completed')
  const { projectDirectory } = trial
  return {
    seen,
    runId: request.runId,
    projectDirectory,
    snapshot: request.snapshot,
    projectAfter: (await readdir(projectDirectory)).toSorted(),
  }
}

function expectedIn(snapshot: Snapshot): Readonly<Record<string, object>> {
  const own = snapshot.entries.map(({ path, ...entry }) => [path, entry] as const)
  return Object.fromEntries([...own, ...parentsOf(snapshot), ['outputs', { kind: 'directory' }]])
}

function topLevel(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => path.split('/')[0] ?? path))].toSorted()
}

/** Folders that a snapshot names only by what is in them. */
function parentsOf(snapshot: Snapshot): (readonly [string, object])[] {
  const parents = new Set<string>()
  for (const { path } of snapshot.entries) {
    const parts = path.split('/')
    for (let length = 1; length < parts.length; length += 1) parents.add(parts.slice(0, length).join('/'))
  }
  return [...parents].map((path) => [path, { kind: 'directory' }] as const)
}
