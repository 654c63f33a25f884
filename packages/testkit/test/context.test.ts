import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { takeSnapshot } from '@errand/core/snapshot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createTestContext, type ProjectFiles, takeProjectSnapshot, writeProject } from '../src/index.ts'
import { processIsAlive } from '../src/process-is-alive.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-context-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

const files: ProjectFiles = {
  'code/main.py': "print('hello')\n",
  'code/Grüße 漢字.txt': 'text',
  'tool.sh': { executable: '#!/bin/sh\n' },
  'to the tool': { link: 'tool.sh' },
  'empty folder': { directory: true },
  bytes: Uint8Array.of(0, 255, 10, 13),
}

it('makes the snapshot that core makes of the same project', async () => {
  const project = join(directory, 'project')
  await writeProject(project, files)
  const options = {
    directory: project,
    state: join(directory, 'state'),
    needed: [],
    signal: new AbortController().signal,
    report: () => {},
  }
  const { snapshot } = await takeSnapshot(options)
  const own = await takeProjectSnapshot(join(directory, 'objects'), files)
  const named = new Set(own.entries.map(({ path }) => path))
  expect(snapshot.entries.filter(({ path }) => named.has(path))).toEqual(own.entries)
  expect(snapshot.entries.filter(({ path, kind }) => kind !== 'directory' && !named.has(path))).toEqual([])
  expect(own.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
})

it('gives another digest to another project', async () => {
  const digest = async (project: ProjectFiles) => (await takeProjectSnapshot(join(directory, 'objects'), project)).digest
  const first = await digest(files)
  expect(await digest(files)).toBe(first)
  expect(await digest({ ...files, 'tool.sh': '#!/bin/sh\n' })).not.toBe(first)
})

it('opens the objects of a snapshot and keeps them read-only where a target on this machine can link them', async () => {
  const context = createTestContext({ config: {}, directory })
  const { entries } = await takeProjectSnapshot(context.objectsDirectory, files)
  const script = entries.find(({ path }) => path === 'code/main.py')
  if (script?.kind !== 'file') throw new Error('the script is no file of the snapshot')
  expect(await text(context.openObject(script.digest))).toBe("print('hello')\n")
  const hex = script.digest.slice('sha256:'.length)
  expect((await stat(join(context.objectsDirectory, hex.slice(0, 2), hex))).mode & 0o777).toBe(0o444)
})

it('answers for the secrets it was given, and says which it lacks', async () => {
  const context = createTestContext({ config: {}, directory, secrets: { password: 'swordfish' } })
  expect(await context.secret('password')).toBe('swordfish')
  expect(await context.secretVariable('password')).toBe('swordfish')
  await expect(context.secret('token')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND', message: expect.stringContaining('token') })
})

it('has no terminal to ask, and passes on the hint', async () => {
  const context = createTestContext({ config: {}, directory })
  const question = { kind: 'confirm', text: 'Trust the host?', withoutTerminal: { hint: 'errand computetarget trust' } } as const
  await expect(context.ask(question)).rejects.toMatchObject({ code: 'NO_TERMINAL', hint: 'errand computetarget trust' })
})

it('hands on what the target says to its log', () => {
  const said: string[] = []
  const { log } = createTestContext({ config: {}, directory, onLog: (message) => void said.push(message) })
  log.debug('looking')
  log.warn('careful')
  expect(said).toEqual(['looking', 'careful'])
})

it('takes a running process for alive, and neither one that ended nor one that only waits to be noticed', async () => {
  expect(processIsAlive(process.pid)).toBe(true)
  // The shell becomes a sleep that never asks how its child ended, so the child stays a zombie.
  const parent = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const zombie = Number(line.toString())
  while (processIsAlive(zombie)) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(processIsAlive(zombie)).toBe(false)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  expect(processIsAlive(parent.pid ?? 0)).toBe(false)
})
