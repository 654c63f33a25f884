import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { localHost } from '@errand/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { environmentArchive } from '../src/index.ts'
import { callOptions } from './conda-place.ts'

let folder: string
let prefix: string
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(join(prefix, path, '..'), { recursive: true })
  writeFileSync(join(prefix, path), content)
  chmodSync(join(prefix, path), mode)
}

async function unpacked(): Promise<string> {
  const there = join(folder, 'somewhere else')
  mkdirSync(there)
  await pipeline(environmentArchive(localHost(), { prefix, python }, callOptions()), createWriteStream(join(folder, 'archive.tar.gz')))
  execFileSync('tar', ['-xzf', join(folder, 'archive.tar.gz'), '-C', there])
  return there
}

describe('the archive of an environment', () => {
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'errand-archive-')))
    prefix = join(folder, 'environment')
    write('bin/python3.11', '#!/bin/sh\necho "the python of $0" "$@"\n', 0o755)
    symlinkSync('python3.11', join(prefix, 'bin/python'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('has commands that find their Python, however long the path was that they were made for', async () => {
    write('bin/plain', `#!${prefix}/bin/python -E\nnothing\n`, 0o755)
    write('bin/long', `#!/bin/sh\n'''exec' "${prefix}/bin/python3.11" "$0" "$@"\n' '''\nnothing\n`, 0o755)
    write('bin/other', `#!/bin/sh\necho ${prefix}\n`, 0o755)
    const there = await unpacked()
    const run = (command: string) =>
      execFileSync(join(there, 'bin', command), ['word'], { encoding: 'utf8', env: { PATH: `${there}/bin:/usr/bin:/bin` } }).trim()
    expect(run('plain')).toBe(`the python of ${there}/bin/python ${there}/bin/plain word`)
    expect(run('long')).toBe(`the python of ${there}/bin/python3.11 ${there}/bin/long word`)
    expect(run('other')).toBe(prefix)
  })

  it('has links within itself, names that are no text, and no credentials of channels', async () => {
    write('conda-meta/six.json', '{"url": "https://example.org/t/c4nary/six.conda"}')
    write('lib/library.so.1', 'x'.repeat(100_000))
    linkSync(join(prefix, 'lib/library.so.1'), join(prefix, 'lib/library.so'))
    symlinkSync(join(prefix, 'lib'), join(prefix, 'lib64'))
    const odd = Buffer.concat([Buffer.from(`${prefix}/`), Buffer.from([0x66, 0xff])])
    writeFileSync(odd, 'odd')
    write('secret', 'for its owner', 0o600)
    const there = await unpacked()
    expect(readlinkSync(join(there, 'lib64'))).toBe('lib')
    expect(statSync(join(there, 'lib64/library.so')).ino).toBe(statSync(join(there, 'lib/library.so.1')).ino)
    expect(readFileSync(Buffer.concat([Buffer.from(`${there}/`), Buffer.from([0x66, 0xff])]), 'utf8')).toBe('odd')
    expect(statSync(join(there, 'secret')).mode & 0o777).toBe(0o644)
    expect(existsSync(join(there, 'conda-meta'))).toBe(false)
  })

  it('of an environment whose Python is that of the machine is an error, not half an archive', async () => {
    rmSync(join(prefix, 'bin/python'))
    symlinkSync('/usr/bin/python3', join(prefix, 'bin/python'))
    await expect(unpacked()).rejects.toMatchObject({
      code: 'ARCHIVE_FAILED',
      message: expect.stringContaining('is /usr/bin/python3') as string,
    })
  })
})
