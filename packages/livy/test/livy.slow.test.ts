import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { livyProblem, startGateway, startLivy } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { type Batch, type LivySettings, isEnded, openLivyClient } from '@errand/livy'

const problem = livyProblem()
const livy = problem === undefined ? await startLivy() : undefined
const gateway = livy && (await startGateway({ livy: livy.url }))
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await livy?.stop()
})

const call = { signal: new AbortController().signal }

describe.skipIf(problem)(`a real Livy 0.7${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (livy === undefined || gateway === undefined) return
  const { username, password, certificate } = gateway
  const direct: LivySettings = { url: livy.url }
  const through: LivySettings = {
    url: `${gateway.url}/livy`,
    certificateAuthority: certificate,
    authentication: { kind: 'basic', username, password },
  }
  let scripts = 0
  const script = (text: string): string => {
    const path = join(livy.directory, `script-${++scripts}.py`)
    writeFileSync(path, text)
    return `file://${path}`
  }
  let names = 0
  const name = () => `test-${Date.now()}-${++names}`
  const batchesNamed = async (wanted: string): Promise<readonly Batch[]> => {
    await using client = openLivyClient(direct)
    return (await client.list({ size: 1000 }, call)).sessions.filter((batch) => batch.name === wanted)
  }

  it('says its version', async () => {
    await using client = openLivyClient(direct)
    expect(await client.version(call)).toMatchObject({ version: '0.7.1-incubating' })
  })

  it('runs a batch, and knows it by number and by name until it is deleted', async () => {
    await using client = openLivyClient(through)
    const wanted = name()
    const { batch, existed } = await client.create(
      { file: script('import sys\nprint("hello", sys.argv[1])'), name: wanted, args: ['two words'] },
      call,
    )
    expect(existed).toBe(false)
    for (let state = batch.state; !isEnded({ state }); await sleep(300)) state = (await client.state(wanted, call)) ?? 'gone'
    expect(await client.get(batch.id, call)).toMatchObject({ state: 'success', name: wanted })
    expect((await client.log(wanted, { size: -1 }, call))?.log).toContain('hello two words')
    expect(await client.delete(wanted, call)).toBe(true)
    expect(await client.delete(wanted, call)).toBe(false)
    expect(await client.get(batch.id, call)).toBeUndefined()
  })

  it.each([['cut' as const], [502 as const], [504 as const]])(
    'creates one batch when the answer is lost (%s) after Livy acted',
    async (how) => {
      await using client = openLivyClient(through)
      const file = script('print(1)')
      for (let round = 0; round < 10; round++) {
        const wanted = name()
        gateway.spoil(1, /^POST \/livy\/batches/, how)
        const { existed, batch } = await client.create({ file, name: wanted }, call)
        expect(existed).toBe(true)
        expect((await batchesNamed(wanted)).map(({ id }) => id)).toEqual([batch.id])
        await client.delete(wanted, call)
      }
    },
  )

  it('finds the batch of whoever asked first, also after its end', async () => {
    await using client = openLivyClient(direct)
    const wanted = name()
    const request = { file: script('print(1)'), name: wanted }
    const created = await Promise.all([client.create(request, call), client.create(request, call)])
    expect(new Set(created.map(({ batch }) => batch.id)).size).toBe(1)
    const again = await client.create(request, call)
    expect(again).toMatchObject({ existed: true, batch: { id: created[0].batch.id } })
  })

  it('repeats nothing where Livy knows no names', async () => {
    await using client = openLivyClient({ ...through, names: false })
    const wanted = name()
    gateway.spoil(1, /^POST \/livy\/batches/, 'cut')
    await expect(client.create({ file: script('print(1)'), name: wanted }, call)).rejects.toMatchObject({
      code: 'ANSWER_LOST',
      createdNothing: false,
    })
    expect(await batchesNamed(wanted)).toHaveLength(1)
  })

  it('removes what Livy registered and then refused, so that the name is free again', async () => {
    await using client = openLivyClient(direct)
    const wanted = name()
    const refused = client.create({ file: 'file:///etc/hostname', name: wanted }, call)
    await expect(refused).rejects.toMatchObject({
      code: 'REFUSED',
      createdNothing: true,
      message: expect.stringContaining('cannot be added to user sessions'),
    })
    expect(await client.get(wanted, call)).toBeUndefined()
    expect(await client.create({ file: script('print(1)'), name: wanted }, call)).toMatchObject({ existed: false })
  })

  it('tells refusals apart, whatever the shape of their body', async () => {
    await using client = openLivyClient(direct)
    const unknownField = { file: script('print(1)'), nonsense: true }
    await expect(client.create(unknownField, call)).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('nonsense') })
    await expect(client.create({ file: script('print(1)'), name: '123' }, call)).rejects.toMatchObject({ code: 'REFUSED' })
    await using stranger = openLivyClient({ ...through, authentication: { kind: 'basic', username, password: 'wrong' } })
    await expect(stranger.version(call)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
    await using distrustful = openLivyClient({ url: through.url, attempts: 1 })
    await expect(distrustful.version(call)).rejects.toMatchObject({ code: 'CERTIFICATE_UNTRUSTED' })
    await using lost = openLivyClient({ url: 'http://127.0.0.1:9', attempts: 2 })
    await expect(lost.version(call)).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('asks again when a gateway fails, and gives up in the end', async () => {
    await using client = openLivyClient({ ...through, attempts: 3 })
    gateway.spoil(2, /^GET \/livy\/version/, 502)
    expect(await client.version(call)).toMatchObject({ version: '0.7.1-incubating' })
    gateway.spoil(3, /^GET \/livy\/version/, 504)
    await expect(client.version(call)).rejects.toMatchObject({ code: 'GATEWAY_TIMEOUT' })
  })

  it('follows no Location and sends its credentials nowhere else', async () => {
    await using client = openLivyClient(through)
    const before = gateway.requests.length
    await client.create({ file: script('print(1)'), name: name() }, call)
    expect(gateway.requests.slice(before).map((line) => line.replace(/test-.*/, 'NAME'))).toEqual([
      'GET /livy/batches/NAME',
      'POST /livy/batches',
    ])
  })
})
