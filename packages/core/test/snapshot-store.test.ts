import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadSnapshot, objectPath, openObject } from '../src/snapshot/index.ts'
import { readStatCache, writeStatCache } from '../src/snapshot/stat-cache.ts'
import { outsideTheTick, temporaryProject, type TemporaryProject } from './snapshot-project.ts'

/** Apparent size of all files below a folder. */
function sizeOf(folder: string, without: readonly string[] = []): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !without.some((name) => path.includes(name)))
  return paths.reduce((sum, path) => sum + statSync(path).size, 0)
}

function manyFiles(count: number, size: number): Record<string, string> {
  const content = (index: number): string => `${index};`.repeat(size).slice(0, size)
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`src/package_${index % 20}/file_${index}.csv`, content(index)]))
}

function stored(project: TemporaryProject): readonly string[] {
  return readdirSync(join(project.state, 'snapshots'))
}

describe('the stat cache', () => {
  it('reads nothing of an unchanged tree and only what changed of another', async () => {
    using project = temporaryProject({ 'a.txt': '1', 'b.txt': '2', 'c/d.txt': '3' })
    await outsideTheTick()
    const first = await project.take()
    expect(first.read).toBe(3)
    const second = await project.take()
    expect(second.read).toBe(0)
    expect(second.snapshot).toEqual(first.snapshot)
    project.write({ 'b.txt': 'two' })
    rmSync(join(project.directory, 'a.txt'))
    const third = await project.take()
    expect(third.read).toBe(1)
    expect(third.snapshot.entries.map((entry) => entry.path)).toEqual(['b.txt', 'c/d.txt'])
  })

  it('notices a change of equal size whose modification time was set back', async () => {
    using project = temporaryProject({ 'a.txt': 'old' })
    const path = join(project.directory, 'a.txt')
    utimesSync(path, 1_000_000, 1_000_000)
    await outsideTheTick()
    const before = await project.take()
    writeFileSync(path, 'new')
    utimesSync(path, 1_000_000, 1_000_000)
    const after = await project.take()
    expect(after.read).toBe(1)
    expect(after.snapshot.digest).not.toBe(before.snapshot.digest)
  })

  it('notices each of many changes of equal size within one tick of the clock', async () => {
    using project = temporaryProject({ 'a.txt': '' })
    const digests = new Set<string>()
    for (let round = 100; round < 200; round += 1) {
      writeFileSync(join(project.directory, 'a.txt'), String(round))
      digests.add((await project.take()).snapshot.digest)
    }
    expect(digests.size).toBe(100)
  })

  it('notices a file put in the place of another', async () => {
    using project = temporaryProject({ 'a.txt': '1', 'b.txt': '2' })
    await outsideTheTick()
    const before = await project.take()
    renameSync(join(project.directory, 'b.txt'), join(project.directory, 'a.txt'))
    const after = await project.take()
    expect(after.snapshot.entries).toHaveLength(1)
    expect(after.snapshot.entries[0]).toMatchObject({ path: 'a.txt', digest: (before.snapshot.entries[1] as { digest: string }).digest })
  })

  it.each(['cut', 'flipped', 'empty', 'newer', 'absent'])('is done without when it is %s', async (damage) => {
    using project = temporaryProject({ 'a.txt': '1', 'b.txt': '2' })
    await outsideTheTick()
    const before = await project.take()
    const path = join(project.state, 'stat-cache')
    const content = readFileSync(path)
    if (damage === 'flipped') content.writeUInt8(content.readUInt8(30) ^ 1, 30)
    if (damage === 'newer') content.write('ERRSTAT9', 'latin1')
    if (damage === 'absent') rmSync(path)
    else writeFileSync(path, damage === 'cut' ? content.subarray(0, -3) : damage === 'empty' ? '' : content)
    const after = await project.take()
    expect(after.read).toBe(2)
    expect(after.snapshot).toEqual(before.snapshot)
    expect((await project.take()).read).toBe(0)
  })

  it('is not believed when the contents or the list it speaks of are gone', async () => {
    using project = temporaryProject({ 'a.txt': '1', 'b.txt': '2' })
    await outsideTheTick()
    const { snapshot } = await project.take()
    rmSync(join(project.state, 'snapshots'), { recursive: true })
    expect((await project.take()).read).toBe(2)
    expect((await project.take()).read).toBe(0)
    const [file] = snapshot.entries
    if (file?.kind !== 'file') throw new Error('The first entry is no file.')
    rmSync(objectPath(project.state, file.digest))
    expect((await project.take()).read).toBe(1)
    expect(await text(openObject(project.state, file.digest))).toBe('1')
    rmSync(join(project.state, 'objects'), { recursive: true })
    expect((await project.take()).read).toBe(2)
  })

  it.each(['replaced', 'written'])('is not believed of a content of the same size that was %s', async (how) => {
    using project = temporaryProject({ 'a.txt': 'one', 'b.txt': 'x'.repeat(3_000_000) })
    await outsideTheTick()
    const { snapshot } = await project.take()
    for (const file of snapshot.entries) {
      if (file.kind !== 'file') throw new Error('A file was expected.')
      const path = objectPath(project.state, file.digest)
      if (how === 'replaced') rmSync(path)
      else chmodSync(path, 0o644)
      writeFileSync(path, 'y'.repeat(file.size))
    }
    // Of what is only written to, the folders show nothing: it is found when it is stored once more.
    if (how === 'written') rmSync(join(project.state, 'stat-cache'))
    expect((await project.take()).read).toBe(2)
    for (const file of snapshot.entries) {
      if (file.kind === 'file')
        expect(await text(openObject(project.state, file.digest))).toBe(readFileSync(join(project.directory, file.path), 'utf8'))
    }
    expect((await project.take()).read).toBe(0)
  })

  it('believes a content that was touched and is what it is called', async () => {
    using project = temporaryProject({ 'a.txt': 'one', 'b.txt': 'two' })
    await outsideTheTick()
    const { snapshot } = await project.take()
    const files = snapshot.entries.filter((entry) => entry.kind === 'file')
    for (const { digest } of files) {
      const path = objectPath(project.state, digest)
      utimesSync(path, 1.5, 1.5)
      // Changes the folder.
      renameSync(path, `${path}.moved`)
      renameSync(`${path}.moved`, path)
    }
    expect((await project.take()).read).toBe(0)
    for (const { digest } of files) expect(statSync(objectPath(project.state, digest)).mtimeMs % 1000).toBe(0)
  })

  it('is not believed after a start of the machine: a power cut may have left a content short', async () => {
    using project = temporaryProject({ 'a.txt': 'one', 'b.txt': 'two' })
    await outsideTheTick()
    const { snapshot } = await project.take()
    const cache = readStatCache(project.state)
    const rows = snapshot.entries.map(({ path }) => cache?.row(path)).filter((row) => row !== undefined)
    const [file] = snapshot.entries
    if (file?.kind !== 'file' || cache === undefined) throw new Error('A file and a cache were expected.')
    const path = objectPath(project.state, file.digest)
    chmodSync(path, 0o644)
    truncateSync(path)
    writeStatCache(project.state, { ...cache.facts, objects: 'of the start before' }, rows)
    expect((await project.take()).read).toBe(1)
    expect(await text(openObject(project.state, file.digest))).toBe('one')
    expect((await project.take()).read).toBe(0)
  })
})

describe('stored snapshots', () => {
  it('loads every one of them as it was taken', async () => {
    using project = temporaryProject(manyFiles(60, 50))
    const taken = [await project.take()]
    for (const files of [
      { 'src/package_0/file_0.csv': 'new' },
      { 'zzz.txt': '' },
      manyFiles(60, 51),
      { 'src/package_0/file_20.csv': 'x' },
    ]) {
      project.write(files)
      rmSync(join(project.directory, `src/package_1/file_${taken.length * 20 - 19}.csv`), { force: true })
      taken.push(await project.take())
    }
    expect(new Set(taken.map(({ snapshot }) => snapshot.digest)).size).toBe(5)
    for (const { snapshot } of taken) expect(await loadSnapshot(project.state, snapshot.digest)).toEqual(snapshot)
    const sizes = stored(project).map((name) => statSync(join(project.state, 'snapshots', name)).size)
    expect(sizes.filter((size) => size > 1500)).toHaveLength(2)
  })

  it('stays under twice the project after 100 submits with one changed file each, for very small files', async () => {
    using project = temporaryProject(manyFiles(2000, 100))
    const digests: string[] = []
    for (let submit = 0; submit < 100; submit += 1) {
      project.write({ 'src/package_0/file_0.csv': `${submit}`.padEnd(100, 'x') })
      digests.push((await project.take()).snapshot.digest)
    }
    const own = sizeOf(project.directory, ['.errand'])
    expect(own).toBe(200_000)
    expect(sizeOf(project.state)).toBeLessThan(2 * own)
    expect(new Set(digests).size).toBe(100)
    const oldest = await loadSnapshot(project.state, digests[0] ?? '')
    expect(oldest.entries).toHaveLength(2000)
  })

  it('stays under twice the project also when it is another file each time', async () => {
    using project = temporaryProject(manyFiles(2000, 100))
    for (let submit = 0; submit < 100; submit += 1) {
      project.write({ [`src/package_${submit % 20}/file_${submit}.csv`]: `${submit}`.padEnd(100, 'x') })
      await project.take()
    }
    expect(stored(project)).toHaveLength(100)
    expect(sizeOf(project.state)).toBeLessThan(2 * sizeOf(project.directory, ['.errand']))
  })

  it('refuses to load what is absent or damaged, with a way out, and mends it when it is taken again', async () => {
    using project = temporaryProject({ 'a.txt': '1' })
    const { snapshot } = await project.take()
    await expect(loadSnapshot(project.state, `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'SNAPSHOT_MISSING',
      hint: expect.any(String),
    })
    const [name = ''] = stored(project)
    const path = join(project.state, 'snapshots', name)
    const content = readFileSync(path)
    rmSync(path)
    writeFileSync(path, content.subarray(0, -1))
    await expect(loadSnapshot(project.state, snapshot.digest)).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' })
    await project.take()
    expect(await loadSnapshot(project.state, snapshot.digest)).toEqual(snapshot)
    const wrong = `sha256:${'1'.repeat(64)}`
    writeFileSync(join(project.state, 'snapshots', '1'.repeat(64)), content)
    await expect(loadSnapshot(project.state, wrong)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' })
  })
})

describe('the state folder', () => {
  it('ignores itself in git, and keeps contents from other users and from writing', async () => {
    using project = temporaryProject({ 'a.txt': '1' })
    const { snapshot } = await project.take()
    expect(readFileSync(join(project.state, '.gitignore'), 'utf8')).toBe('*\n')
    const [file] = snapshot.entries
    expect(statSync(objectPath(project.state, file?.kind === 'file' ? file.digest : '')).mode & 0o777).toBe(0o444)
    expect(statSync(join(project.state, 'objects')).mode & 0o777).toBe(0o700)
  })

  it('stores equal contents once', async () => {
    using project = temporaryProject({ 'a.txt': 'same', 'b.txt': 'same', 'c/d.txt': 'same' })
    await project.take()
    expect(sizeOf(join(project.state, 'objects'))).toBe(4)
  })

  it('says why it can not be written', async () => {
    using project = temporaryProject({ file: '' })
    await expect(project.take({ state: join(project.directory, 'file', 'state') })).rejects.toMatchObject({
      code: 'STATE_NOT_WRITABLE',
      message: expect.stringContaining('a part of that path is a file'),
    })
  })

  it('fails with the digest when a content is gone', async () => {
    using project = temporaryProject({ 'a.txt': '1' })
    const { snapshot } = await project.take()
    const [file] = snapshot.entries
    const digest = file?.kind === 'file' ? file.digest : ''
    rmSync(objectPath(project.state, digest))
    await expect(text(openObject(project.state, digest))).rejects.toMatchObject({
      code: 'OBJECT_MISSING',
      message: expect.stringContaining(digest),
    })
  })

  it('removes the partial copies of killed processes after a day, not sooner', async () => {
    using project = temporaryProject({ 'a.txt': '1' })
    await project.take()
    const [old, young] = ['partial-1-0', 'partial-2-0'].map((name) => join(project.state, 'objects', name))
    if (old === undefined || young === undefined) throw new Error('Two names were expected.')
    for (const path of [old, young]) writeFileSync(path, 'x')
    utimesSync(old, 1, 1)
    project.write({ 'a.txt': '2' })
    await project.take()
    expect([existsSync(old), existsSync(young)]).toEqual([false, true])
  })

  it('serves several processes at once', async () => {
    using project = temporaryProject(manyFiles(300, 300))
    const source = `import { takeSnapshot } from ${JSON.stringify(join(import.meta.dirname, '../src/snapshot/index.ts'))}
      const [directory] = process.argv.slice(1)
      const signal = new AbortController().signal
      for (let round = 0; round < 5; round += 1) {
        const taken = await takeSnapshot({ directory, state: directory + '/.errand', signal })
        console.log(taken.snapshot.digest)
      }`
    const command = ['--input-type=module-typescript', '-e', source, project.directory]
    const all = await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, command)))
    const digests = new Set(all.flatMap(({ stdout }) => stdout.trim().split('\n')))
    expect(digests.size).toBe(1)
    const [digest = ''] = digests
    const { entries } = await loadSnapshot(project.state, digest)
    const sizes = entries.map((entry) => statSync(objectPath(project.state, entry.kind === 'file' ? entry.digest : '')).size)
    expect(sizes).toEqual(Array.from({ length: 300 }, () => 300))
    expect(readdirSync(project.state, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('partial'))).toEqual([])
  })
})
