import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { openObject } from '../src/snapshot/index.ts'
import { objectWriter } from '../src/snapshot/object-writer.ts'
import { pace } from '../src/snapshot/pace.ts'
import { pathsOf, temporaryProject } from './snapshot-project.ts'

const signal = new AbortController().signal

describe('what a snapshot records', () => {
  it('records files with size, digest and the executable bit, and stores their content', async () => {
    using project = temporaryProject({ 'train.py': 'print(1)\n', 'run.sh': '#!/bin/sh\n' })
    chmodSync(join(project.directory, 'run.sh'), 0o755)
    const { snapshot, files, bytes, read } = await project.take()
    expect(snapshot.entries).toEqual([
      { kind: 'file', path: 'run.sh', size: 10, executable: true, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      {
        kind: 'file',
        path: 'train.py',
        size: 9,
        executable: false,
        digest: `sha256:${createHash('sha256').update('print(1)\n').digest('hex')}`,
      },
    ])
    expect({ files, bytes, read }).toEqual({ files: 2, bytes: 19, read: 2 })
    expect(await text(openObject(project.state, snapshot.entries[1]?.kind === 'file' ? snapshot.entries[1].digest : ''))).toBe('print(1)\n')
  })

  it('gives equal trees equal digests, whatever their times, and other trees others', async () => {
    const files = { 'a/b.txt': '1', 'a.txt': '2', 'a-b': '3', 'é/\u{1F600}': '4', 'é/\uFF01': '5', 'new\nline': '6' }
    using one = temporaryProject(files)
    using other = temporaryProject(Object.fromEntries(Object.entries(files).toReversed()))
    utimesSync(join(other.directory, 'a.txt'), 1, 1)
    const taken = await one.take()
    expect(pathsOf(taken)).toEqual(['a-b', 'a.txt', 'a/b.txt', 'new\nline', 'é/\uFF01', 'é/\u{1F600}'])
    expect((await other.take()).snapshot).toEqual(taken.snapshot)
    chmodSync(join(other.directory, 'a.txt'), 0o755)
    expect((await other.take()).snapshot.digest).not.toBe(taken.snapshot.digest)
  })

  it('has the digest that the documented serialisation has', async () => {
    using project = temporaryProject({ 'a.txt': 'x' })
    mkdirSync(join(project.directory, 'empty'))
    symlinkSync('a.txt', join(project.directory, 'link'))
    const hex = createHash('sha256').update('x').digest('hex')
    const fields = ['file', 'a.txt', '-', '1', hex, 'directory', 'empty', 'link', 'link', 'a.txt']
    const serialised = `errand snapshot 1\n${fields.map((field) => `${field}\0`).join('')}`
    expect((await project.take()).snapshot.digest).toBe(`sha256:${createHash('sha256').update(serialised).digest('hex')}`)
  })

  it('records empty folders, also those whose content is all left out', async () => {
    using project = temporaryProject({ '.gitignore': '*.csv', 'data/raw/a.csv': '', 'x.py': '' })
    mkdirSync(join(project.directory, 'results', 'deep'), { recursive: true })
    const { snapshot } = await project.take()
    expect(snapshot.entries.filter((entry) => entry.kind === 'directory').map((entry) => entry.path)).toEqual(['data/raw', 'results/deep'])
  })

  it('takes an empty project', async () => {
    using project = temporaryProject()
    const taken = await project.take()
    expect(taken).toMatchObject({ files: 0, bytes: 0, read: 0, notes: [], snapshot: { entries: [] } })
    expect(taken.largest).toBeUndefined()
  })

  it('names the files that matter when there are more than 100 MB, and follows progress', async () => {
    using project = temporaryProject({ 'small.txt': 'x', 'b.bin': '', 'a.bin': '' })
    for (const [name, size] of [
      ['a.bin', 60_000_000],
      ['b.bin', 70_000_000],
    ] as const) {
      writeFileSync(join(project.directory, name), Buffer.alloc(size, name))
    }
    const taken = await project.take()
    expect(taken.largest).toEqual([
      { path: 'b.bin', size: 70_000_000 },
      { path: 'a.bin', size: 60_000_000 },
    ])
  })

  it('stops when it is aborted', async () => {
    using project = temporaryProject({ 'a.txt': '' })
    await expect(project.take({ signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped')
  })
})

describe('links', () => {
  it('keeps those that stay inside and names those that leave', async () => {
    using project = temporaryProject({ 'data/a.csv': '1' })
    const link = (to: string, path: string): void => symlinkSync(to, join(project.directory, path))
    mkdirSync(join(project.directory, 'sub'))
    link('data/a.csv', 'good')
    link('../data', 'sub/folder')
    link('nowhere', 'dangling')
    link('circle', 'circle')
    link('/etc/hosts', 'absolute')
    link('../../x', 'sub/leaves')
    link('absolute', 'through')
    const { snapshot, notes, files } = await project.take()
    expect(files).toBe(1)
    expect(snapshot.entries.filter((entry) => entry.kind === 'link')).toEqual([
      { kind: 'link', path: 'circle', to: 'circle' },
      { kind: 'link', path: 'dangling', to: 'nowhere' },
      { kind: 'link', path: 'good', to: 'data/a.csv' },
      { kind: 'link', path: 'sub/folder', to: '../data' },
    ])
    expect(notes).toHaveLength(1)
    for (const named of ['absolute -> /etc/hosts', 'sub/leaves -> ../../x', 'through -> absolute']) expect(notes[0]).toContain(named)
  })
})

describe('what is no plain file', () => {
  it('leaves pipes and sockets out with a note and never waits for them', async () => {
    using project = temporaryProject({ 'a.txt': '' })
    execFileSync('mkfifo', [join(project.directory, 'pipe')])
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(project.directory, 'socket'), resolve))
    try {
      const taken = await project.take()
      expect(pathsOf(taken)).toEqual(['a.txt'])
      expect(taken.notes.join()).toContain('not copied: pipe, socket.')
    } finally {
      server.close()
    }
  })

  it('refuses names that are not UTF-8, all of them, unless they are ignored', async () => {
    using project = temporaryProject({ 'ok \uFFFD.txt': '' })
    for (const name of ['caf\xe9.txt', 'b\xff']) {
      writeFileSync(Buffer.concat([Buffer.from(`${project.directory}/`), Buffer.from(name, 'latin1')]), '')
    }
    await expect(project.take()).rejects.toMatchObject({
      code: 'SNAPSHOT_NAMES_NOT_UTF8',
      message: expect.stringMatching(/(?=.*caf\\xe9\.txt)(?=.*b\\xff)/),
    })
    project.write({ '.amlignore': 'caf?.txt\nb?\n' })
    expect(pathsOf(await project.take())).toEqual(['.amlignore', 'ok \uFFFD.txt'])
  })

  it('notes names that differ only in case or accents', async () => {
    using project = temporaryProject({ 'sub/Train.py': '1', 'sub/train.py': '2', '\u00e9': '3', 'e\u0301': '4' })
    const taken = await project.take()
    expect(taken.files).toBe(4)
    expect(taken.notes.join()).toMatch(/sub\/[Tt]rain\.py and sub\/[Tt]rain\.py/)
    expect(taken.notes.join()).toMatch(/(\u00e9 and e\u0301|e\u0301 and \u00e9)/)
  })

  it('refuses files and folders that this user may not read, all of them', async () => {
    using project = temporaryProject({ 'train.py': '', 'secret.key': '', 'b.key': '', 'locked/a.txt': '' })
    // Root reads everything, so another user does it.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined
    const own = (path: string): void => (uid === undefined ? undefined : chownSync(join(project.directory, path), uid, uid))
    for (const path of ['', 'train.py', 'secret.key', 'b.key', 'locked']) own(path)
    const take = async (): Promise<string> => {
      const source = `import { takeSnapshot } from ${JSON.stringify(join(import.meta.dirname, '../src/snapshot/index.ts'))}
        const [directory] = process.argv.slice(1)
        const signal = new AbortController().signal
        const said = await takeSnapshot({ directory, state: directory + '/.errand', signal }).then((taken) => taken, (error) => error)
        console.log(JSON.stringify({ code: said.code, message: said.message, hint: said.hint, files: said.files }))`
      const command = ['--input-type=module-typescript', '-e', source, project.directory]
      return (await promisify(execFile)(process.execPath, command, { uid, gid: uid, cwd: '/' })).stdout
    }
    for (const path of ['secret.key', 'b.key']) chmodSync(join(project.directory, path), 0)
    const files = JSON.parse(await take())
    expect(files.code).toBe('SNAPSHOT_FILES_UNREADABLE')
    expect(files.message).toContain('secret.key')
    expect(files.message).toContain('b.key')
    expect(files.hint).toContain('.amlignore')
    chmodSync(join(project.directory, 'locked'), 0)
    expect(JSON.parse(await take()).message).toContain('locked/')
    writeFileSync(join(project.directory, '.amlignore'), '*.key\nlocked\n')
    expect(JSON.parse(await take()).files).toBe(2)
  })
})

describe('a file that is not still', () => {
  const content = 'x'.repeat(3_000_000)

  it('is read again when it changed while it was read', async () => {
    using project = temporaryProject({ 'log.txt': content })
    await project.take()
    const path = join(project.directory, 'log.txt')
    let pieces = 0
    const onRead = (): void => {
      pieces += 1
      if (pieces === 2) appendFileSync(path, 'end')
    }
    const outcome = await objectWriter({ state: project.state, pace: pace(signal), onRead }).store(path)
    if (outcome.kind !== 'stored') throw new Error(outcome.kind)
    expect(outcome.size).toBe(content.length + 3)
    expect(await text(openObject(project.state, outcome.digest))).toBe(readFileSync(path, 'utf8'))
  })

  it('is given up after the third time, without leaving a partial copy', async () => {
    using project = temporaryProject({ 'log.txt': content, 'small.txt': 'x' })
    await project.take()
    const before = execFileSync('find', [join(project.state, 'objects')], { encoding: 'utf8' })
    for (const name of ['log.txt', 'small.txt']) {
      const path = join(project.directory, name)
      let reads = 0
      const onRead = (): void => {
        reads += 1
        if (name === 'small.txt') writeFileSync(path, 'x'.repeat(reads + 1))
        else appendFileSync(path, 'more')
      }
      expect(await objectWriter({ state: project.state, pace: pace(signal), onRead }).store(path)).toEqual({ kind: 'changing' })
    }
    const after = execFileSync('find', [join(project.state, 'objects')], { encoding: 'utf8' })
    expect(after.split('\n').filter((line) => line.includes('partial'))).toEqual([])
    expect(before).not.toContain('partial')
  })

  it('is as if it had never been there when it vanished or became a pipe', async () => {
    using project = temporaryProject({ 'a.txt': '1' })
    await project.take()
    const writer = objectWriter({ state: project.state, pace: pace(signal), onRead: () => {} })
    unlinkSync(join(project.directory, 'a.txt'))
    expect(await writer.store(join(project.directory, 'a.txt'))).toEqual({ kind: 'vanished' })
    execFileSync('mkfifo', [join(project.directory, 'a.txt')])
    expect(await writer.store(join(project.directory, 'a.txt'))).toEqual({ kind: 'vanished' })
    symlinkSync('/etc/hosts', join(project.directory, 'b.txt'))
    expect(await writer.store(join(project.directory, 'b.txt'))).toEqual({ kind: 'vanished' })
  })
})
