import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Leftover, Target } from '@errand/core'
import { type DockerEngine, dockerProblem, sharedDockerEngine } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient, options } from './docker-client.ts'

const problem = dockerProblem()

async function leftoversOf(target: Target): Promise<Leftover[]> {
  const found: Leftover[] = []
  for await (const leftover of target.leftovers(options)) found.push(leftover)
  return found
}

describe.skipIf(problem !== undefined)(`what is left of containers${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  let engine: DockerEngine
  const environment = { name: `left-${process.pid}`, tag: '1' }

  beforeAll(async () => {
    process.env['ERRAND_CANCEL_GRACE'] = '1'
    engine = await sharedDockerEngine()
    const { Id } = await engine.api<{ readonly Id: string }>('POST', '/containers/create', { Image: await engine.image('python') })
    await engine.api('POST', `/commit?container=${Id}&repo=${environment.name}&tag=${environment.tag}`, {
      Labels: { 'errand.kind': 'environment', 'errand.environment': '{}' },
    })
    await engine.api('DELETE', `/containers/${Id}`)
  })
  afterAll(() => engine?.api('DELETE', `/images/${environment.name}:${environment.tag}?force=1`))

  it('names a run whose container is gone and whose image nobody names any more', async () => {
    const owner = `left${process.pid}a`
    await using client = await openClient(engine, owner)
    const request = await client.request({ 'main.py': "print('done')\n" })
    const reference = await client.submit(request)
    await client.follow(reference)
    await engine.api('DELETE', `/containers/${reference.externalId}?force=true`)
    await using target = client.open({ baseDockerImage: undefined })
    const found = await leftoversOf(target)
    expect(found.filter(({ id }) => id.includes(owner))).toContainEqual(
      expect.objectContaining({ kind: 'run', runId: request.runId, project: 'faults', inUse: false }) as Leftover,
    )
    expect(found.filter(({ kind }) => kind === 'volume')).toEqual([])
    expect(await target.find(request.runId, options)).toMatchObject({ externalId: reference.externalId })
    await using own = client.open()
    const prepared = await own.prepare(request, { ...options, build: false })
    // With what it was prepared with, it is looked for with its own image, and not with any that is there.
    const { image } = prepared.data as { readonly image: string }
    expect(await own.find(request.runId, { ...options, prepared })).toMatchObject({ data: { image } })
    await using another = client.open({ baseDockerImage: undefined })
    const strange = { environmentKey: 'of another version', data: null }
    expect(await another.find(request.runId, { ...options, prepared: strange })).toMatchObject({ externalId: reference.externalId })
  })

  it('is nothing of a container that the engine did not start, which is no missing program', async () => {
    await using client = await openClient(engine, `left${process.pid}b`)
    await using target = client.open({ containerOptions: ['--device', '/dev/nope'] })
    const request = await client.request({ 'main.py': '' })
    const prepared = await target.prepare(request, { ...options, build: true })
    await expect(target.submit(request, prepared, options)).rejects.toMatchObject({
      code: 'CONTAINER_REFUSED',
      message: expect.stringContaining('/dev/nope') as string,
    })
    expect(await target.find(request.runId, options)).toBeUndefined()
  })

  it('is nothing of a submit that failed after its container had started', async () => {
    await using client = await openClient(engine, `left${process.pid}d`)
    await using target = client.open()
    const request = await client.request({ 'main.py': `# ${process.pid}\n` })
    const prepared = await target.prepare(request, { ...options, build: true })
    rmSync(join(client.directory, 'objects'), { recursive: true })
    await expect(target.submit(request, prepared, options)).rejects.toThrow(/ENOENT/)
    await expect(engine.api('GET', `/containers/errand-${request.runId}/json`)).rejects.toThrow(/404/)
    expect(await target.find(request.runId, options)).toBeUndefined()
  })

  it('is nothing of a submit that was given up', async () => {
    await using client = await openClient(engine, `left${process.pid}g`)
    await using target = client.open()
    const request = await client.request({ 'main.py': `# given up ${process.pid}\n` })
    const prepared = await target.prepare(request, { ...options, build: true })
    const stop = new AbortController()
    const report = ({ message }: { readonly message: string }) => {
      if (message.startsWith('sending 1')) stop.abort(new Error('enough'))
    }
    await expect(target.submit(request, prepared, { signal: stop.signal, report })).rejects.toThrow('enough')
    await expect(engine.api('GET', `/containers/errand-${request.runId}/json`)).rejects.toThrow(/404/)
  })

  it('is the container that a killed client meant to read with, which its owner can remove', async () => {
    const owner = `left${process.pid}e`
    await using client = await openClient(engine, owner)
    const { Id } = await engine.api<{ readonly Id: string }>('POST', '/containers/create', {
      Image: await engine.image('python'),
      Labels: { 'errand.kind': 'reader', 'errand.user': owner },
      HostConfig: { Mounts: [{ Type: 'volume', Source: `errand-${owner}`, Target: '/errand' }] },
    })
    await using another = await openClient(engine, `${owner}2`)
    await using others = another.open()
    expect((await leftoversOf(others)).map(({ id }) => id)).not.toContain(`probe:${Id}`)
    await using target = client.open()
    expect(await leftoversOf(target)).toContainEqual(expect.objectContaining({ id: `probe:${Id}`, inUse: false }) as Leftover)
    await target.removeLeftover(`probe:${Id}`, options)
    await expect(engine.api('GET', `/containers/${Id}/json`)).rejects.toThrow(/404/)
  })

  it('is no volume that the image asked for', async () => {
    await using client = await openClient(engine, `left${process.pid}f`)
    const { Id } = await engine.api<{ readonly Id: string }>('POST', '/containers/create', { Image: await engine.image('python') })
    await engine.api('POST', `/commit?container=${Id}&repo=${environment.name}&tag=volume`, { Volumes: { '/data': {} } })
    await engine.api('DELETE', `/containers/${Id}`)
    const changes = { baseDockerImage: `${environment.name}:volume` }
    const reference = await client.submit(await client.request({ 'main.py': '' }), changes)
    const { Mounts } = await engine.api<{ readonly Mounts: readonly { readonly Name: string; readonly Destination: string }[] }>(
      'GET',
      `/containers/${reference.externalId}/json`,
    )
    const volume = Mounts.find(({ Destination }) => Destination === '/data')?.Name
    await engine.api('GET', `/volumes/${volume}`)
    await client.follow(reference)
    await using target = client.open(changes)
    await using handle = await target.attach(reference, options)
    await handle.remove(options)
    await expect(engine.api('GET', `/volumes/${volume}`)).rejects.toThrow(/404/)
  })

  it('of a run with a user of its own is found although nobody names the user any more', async () => {
    const owner = `left${process.pid}c`
    await using client = await openClient(engine, owner)
    const request = await client.request({ 'main.py': "print('done')\n" })
    const reference = await client.submit(request, { user: '1234' })
    await client.follow(reference)
    await engine.api('DELETE', `/containers/${reference.externalId}?force=true`)
    await using target = client.open()
    expect(await target.find(request.runId, options)).toMatchObject({ data: { volume: `errand-${owner}-1234` } })
  })
})
