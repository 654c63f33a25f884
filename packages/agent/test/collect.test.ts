import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Agent, runHandle } from '../src/index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-collect-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Place {
  readonly files?: Readonly<Record<string, Buffer>>
  readonly links?: readonly { readonly path: string; readonly to: string }[]
  readonly directories?: readonly string[]
  readonly unreadable?: readonly string[]
  readonly tooLong?: readonly string[]
  /** What the place says of the size of every file, instead of the truth. */
  readonly listed?: number
  readonly fetched?: number
}

/** An agent that has these files and answers as the real one does. */
function agentWith({ files = {}, links = [], directories = [], unreadable = [], tooLong = [], listed, fetched }: Place): Agent {
  const listing = Object.entries(files).map(([path, data]) => ({ path, size: listed ?? data.length, mtime_ns: '0', executable: false }))
  const call: Agent['call'] = async (name, parameters) => {
    if (name === 'collect') return { result: { files: listing, links, directories, unreadable, tooLong }, body: Buffer.alloc(0) }
    const { path, offset, limit } = parameters as { path: string; offset: number; limit: number }
    const data = files[path] ?? Buffer.alloc(0)
    const body = data.subarray(offset, offset + limit)
    return { result: { size: fetched ?? data.length, end: offset + body.length >= data.length }, body }
  }
  return { call, host: { name: 'place' } as Agent['host'], hello: {} as Agent['hello'], [Symbol.asyncDispose]: async () => {} }
}

function collect(place: Place, to = join(folder, 'arriving')): Promise<readonly string[]> {
  const handle = runHandle(agentWith(place), { externalId: 'place:1', data: { run: 'run_1' } })
  return handle.collect(to, { include: ['outputs/**'], signal: new AbortController().signal, report: () => {} })
}

const read = (...names: string[]) => readFileSync(join(folder, 'arriving', ...names), 'utf8')

describe('the content of files', () => {
  it('arrives whole, in as many pieces as it takes', async () => {
    const large = Buffer.alloc(9 * 1024 * 1024 + 1, 'abc')
    expect(await collect({ files: { 'outputs/large': large, 'outputs/empty': Buffer.alloc(0) } })).toEqual([
      'outputs/large',
      'outputs/empty',
    ])
    expect(readFileSync(join(folder, 'arriving/outputs/large')).equals(large)).toBe(true)
    expect(read('outputs/empty')).toBe('')
  })

  it('is not taken for whole when the place has another size than it listed, or than it sent', async () => {
    const files = { 'outputs/a': Buffer.from('abc') }
    for (const lie of [{ listed: 4 }, { fetched: 4 }, { listed: 2 }])
      await expect(collect({ files, ...lie })).rejects.toMatchObject({
        code: 'FILE_INCOMPLETE',
        message: expect.stringContaining('outputs/a'),
      })
    expect(await collect({ files })).toEqual(['outputs/a'])
  })

  const limit = (bytes: string) => spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`]).status === 0
  it.skipIf(!limit('unlimited'))('is not taken for whole when only a part of it could be written', async () => {
    const files = { 'outputs/a': Buffer.alloc(3_000_000) }
    expect(limit('2000000')).toBe(true)
    try {
      await expect(collect({ files })).rejects.toMatchObject({ code: 'EFBIG' })
    } finally {
      expect(limit('unlimited')).toBe(true)
    }
  })

  it('comes all the same when other paths are too long, here or there', async () => {
    const long = `outputs/${'deep/'.repeat(2000)}file`
    const wide = `outputs/${'\udcff'.repeat(100)}`
    const content = Buffer.from('a')
    const files = { 'outputs/a': content, [long]: content, [wide]: content, 'outputs/b': content }
    const place = { files, directories: [long], links: [{ path: `${long}/link`, to: 'file' }], tooLong: ['outputs/there'] }
    const error: unknown = await collect(place).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PATHS_TOO_LONG', message: expect.stringContaining('outputs/there, outputs/deep/') })
    expect((error as Error).message).toMatch(/ \(\d+ characters\)/)
    expect((error as Error).message.length).toBeLessThan(1000)
    expect([read('outputs/a'), read('outputs/b')]).toEqual(['a', 'a'])
  })

  it('that the place can not read is named, and nothing is brought as if it were all', async () => {
    const unreadable = ['outputs/b', 'outputs/c']
    await expect(collect({ files: { 'outputs/a': Buffer.from('a') }, unreadable })).rejects.toMatchObject({
      code: 'FILES_UNREADABLE',
      message: expect.stringContaining('outputs/b, outputs/c'),
    })
    expect(existsSync(join(folder, 'arriving'))).toBe(false)
  })
})

describe('names', () => {
  it('that are no text stay apart, from one another and from what is called like their written form', async () => {
    const files = { 'outputs/a\udcfe': 'one', 'outputs/a\udcff': 'two', 'outputs/a\\xfe': 'three', 'outputs/d\udce4/é😀': 'four' }
    const content = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))
    const paths = await collect({
      files: content,
      links: [{ path: 'outputs/l\udc80', to: 'd\udce4/é😀' }],
      directories: ['outputs/e\udcff'],
    })
    expect(paths).toEqual(['outputs/a\\xfe~', 'outputs/a\\xff', 'outputs/a\\xfe', 'outputs/d\\xe4/é😀', 'outputs/l\\x80'])
    expect(paths.map((path) => read(path))).toEqual(['one', 'two', 'three', 'four', 'four'])
    expect(readdirSync(join(folder, 'arriving/outputs'))).toContain('e\\xff')
  })

  it('that leave the folder are refused', async () => {
    const refused = expect.objectContaining({ code: 'PATH_OUTSIDE' })
    await expect(collect({ files: { '../victim': Buffer.from('x') } })).rejects.toEqual(refused)
    await expect(collect({ directories: ['outputs/../../victim'] })).rejects.toEqual(refused)
    await expect(collect({ links: [{ path: '../victim', to: 'x' }] })).rejects.toEqual(refused)
    expect(existsSync(join(folder, 'victim'))).toBe(false)
  })
})

describe('links', () => {
  it('are made, also where they lead nowhere yet', async () => {
    const links = [
      { path: 'outputs/latest', to: 'sub/a' },
      { path: 'outputs/sub/up', to: '.././sub/a' },
      { path: 'outputs/dangling', to: 'none' },
      { path: 'outputs/folder', to: 'sub' },
    ]
    expect(await collect({ files: { 'outputs/sub/a': Buffer.from('a') }, links })).toHaveLength(5)
    expect([read('outputs/latest'), read('outputs/sub/up'), read('outputs/folder/up')]).toEqual(['a', 'a', 'a'])
    expect(readlinkSync(join(folder, 'arriving/outputs/dangling'))).toBe('none')
  })

  it('that could lead out of the folder are left out, whatever stands between', async () => {
    const links = [
      { path: 'outputs/absolute', to: folder },
      { path: 'outputs/up', to: '../../victim' },
      { path: 'outputs/here', to: '..' },
      { path: 'outputs/through', to: 'here/../victim' },
      { path: 'outputs/circle', to: './../outputs/.././../victim' },
    ]
    expect(await collect({ links })).toEqual(['outputs/here'])
    expect(readdirSync(join(folder, 'arriving/outputs'))).toEqual(['here'])
  })

  it('are never gone through to write or delete', async () => {
    const victim = join(folder, 'arriving/victim')
    mkdirSync(victim, { recursive: true })
    writeFileSync(join(victim, '.bashrc'), 'mine')
    const first = { path: 'outputs/a', to: '../victim' }
    const refused = expect.objectContaining({ code: 'PATH_OUTSIDE' })
    await expect(collect({ links: [first, { path: 'outputs/a/.bashrc', to: 'x' }] })).rejects.toEqual(refused)
    expect(lstatSync(join(folder, 'arriving/outputs/a')).isSymbolicLink()).toBe(true)
    await expect(collect({ files: { 'outputs/a/.bashrc': Buffer.from('theirs') } })).rejects.toEqual(refused)
    await expect(collect({ directories: ['outputs/a/inner'] })).rejects.toEqual(refused)
    expect(await collect({ files: { 'outputs/a': Buffer.from('a file now') } })).toEqual(['outputs/a'])
    expect([readdirSync(victim), readFileSync(join(victim, '.bashrc'), 'utf8')]).toEqual([['.bashrc'], 'mine'])
  })
})
