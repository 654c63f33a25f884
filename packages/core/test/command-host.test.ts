import { mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { localHost, openCommandHost } from '../src/index.ts'

const { signal } = new AbortController()
const open = (command: readonly string[] = ['env', 'ERRAND_TEST_BOX=yes']) => openCommandHost(localHost(), command, { signal })

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-command-host-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

it('runs behind the command: arguments, variables, folder, input, output and exit code as given', async () => {
  await using place = await open()
  expect([place.name, place.home, place.platform.os]).toEqual(['env ERRAND_TEST_BOX=yes', homedir(), process.platform])
  const words = ['', ' a  b ', '$HOME', '"\'`', 'línea\nzwei', '-n']
  const program =
    'import os, sys; print(sys.argv[1:], os.environ["ERRAND_TEST_BOX"], os.environ["TWO"], os.getcwd(), sys.stdin.read()); sys.exit(3)'
  const { stdout, exitCode } = await place.run(['python3', '-c', program, ...words], {
    signal,
    cwd: folder,
    env: { TWO: 'a b\n$c' },
    input: 'in',
  })
  expect(stdout.toString()).toBe(`['', ' a  b ', '$HOME', '"\\'\`', 'línea\\nzwei', '-n'] yes a b\n$c ${folder} in\n`)
  expect(exitCode).toBe(3)
  const spawned = await place.spawn(['cat'], { signal, input: 'through' })
  const chunks = []
  for await (const chunk of spawned.stdout) chunks.push(chunk)
  expect([Buffer.concat(chunks).toString(), await spawned.exit]).toEqual(['through', { exitCode: 0 }])
})

it('writes a file whole, with its mode, and reads it to the byte', async () => {
  await using place = await open()
  const path = join(folder, "deep/er/it's $(here)")
  const bytes = Buffer.from([0, 255, 10, 13, 128])
  await place.writeFile(path, bytes, { mode: 0o600 })
  expect(await readFile(path)).toEqual(bytes)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await place.readFile(path)).toEqual(bytes)
  await expect(place.readFile(join(folder, 'none'))).rejects.toMatchObject({
    code: 'FILE_NOT_ACCESSIBLE',
    message: expect.stringContaining('none'),
  })
})

it('says what the command said when nobody is there, and which command to try', async () => {
  await expect(open(['sh', '-c', 'echo "no such pod" >&2; exit 1'])).rejects.toMatchObject({
    code: 'PLACE_UNREACHABLE',
    message: expect.stringContaining('no such pod'),
    hint: expect.stringContaining('echo $HOME'),
  })
  await symlink('/nowhere', join(folder, 'missing'))
  await expect(open([join(folder, 'missing')])).rejects.toMatchObject({ code: 'COMMAND_NOT_STARTED' })
})

it('makes no connections', async () => {
  await using place = await open()
  await expect(place.connect({ path: '/run/x.sock' })).rejects.toMatchObject({ code: 'CONNECT_NOT_SUPPORTED' })
})
