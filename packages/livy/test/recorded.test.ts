import { type RequestListener, createServer } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type Batch, openLivyClient, openWebHdfsClient } from '@errand/livy'

const call = { signal: new AbortController().signal }

async function answering(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { url, [Symbol.asyncDispose]: stop }
}

const json =
  (status: number, value: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

/** Stands for the answer that a name is taken. */
const taken = 0

/** Answers in the words of versions that can't be had here, from their sources. */
describe('answers of other versions', () => {
  it('0.5 tells of no name and no owner', async () => {
    const batch = {
      id: 3,
      state: 'running',
      appId: 'application_1_2',
      appInfo: { driverLogUrl: null, sparkUiUrl: null },
      log: ['stdout: '],
    }
    await using server = await answering(json(200, batch))
    await using client = openLivyClient({ url: server.url })
    expect(await client.get(3, call)).toEqual(batch)
  })

  it('0.5 knows no name: a batch whose answer was lost is found by what the caller knows, or asked for again', async () => {
    const asked: string[] = []
    const batch = { id: 7, state: 'starting', appId: null, log: [] }
    const answers = { 'GET /batches/run': [400, 'For input string: "run"'] } as const
    let posts = 0
    await using server = await answering((request, response) => {
      const what = `${request.method} ${request.url}`
      asked.push(what)
      const [status, value] = what === 'POST /batches' ? [++posts % 2 === 1 ? 504 : 201, batch] : answers[what as keyof typeof answers]
      json(status, value)(request, response)
    })
    await using client = openLivyClient({ url: server.url })
    const create = (found: Batch | undefined) => client.create({ file: '/a.py', name: 'run' }, { ...call, findBatch: async () => found })
    expect(await create(batch)).toEqual({ batch, existed: true })
    expect(asked).toEqual(['GET /batches/run', 'POST /batches'])
    posts = 0
    expect(await create(undefined)).toEqual({ batch, existed: false })
    expect(posts).toBe(2)
    await expect(client.get('run', call)).rejects.toMatchObject({ code: 'NAMES_UNKNOWN' })
    expect(asked).toHaveLength(4)
  })

  it('content that can not be read is the error, not the connection that it breaks', async () => {
    await using server = await answering((request, response) => {
      if (request.url?.includes('op=CREATE') === true) json(200, { Location: `${server.url}/data` })(request, response)
      else request.on('error', () => response.destroy()).resume()
    })
    await using client = openWebHdfsClient({ url: `${server.url}/webhdfs/v1` })
    const gone = Object.assign(new Error('the content is gone'), { code: 'CONTENT_GONE' })
    const content = () =>
      Readable.from(
        (async function* () {
          yield Buffer.alloc(100_000)
          throw gone
        })(),
        { objectMode: false },
      )
    await expect(client.write('/file', content, { ...call, overwrite: true })).rejects.toBe(gone)
  })

  it('a state that nobody knows is passed on', async () => {
    await using server = await answering(json(200, { id: 1, state: 'hibernating' }))
    await using client = openLivyClient({ url: server.url })
    expect(await client.state(1, call)).toBe('hibernating')
  })

  it('0.9 refuses a name in other words', async () => {
    const words = { msg: 'Rejected, Reason: Duplicate session name: Some(first) for session 4' }
    await using server = await answering(json(400, words))
    await using client = openLivyClient({ url: server.url, names: false })
    await expect(client.create({ file: '/a.py' }, call)).rejects.toMatchObject({ code: 'DUPLICATE_NAME' })
  })

  it('too many sessions', async () => {
    await using server = await answering(json(400, { msg: 'Rejected, too many sessions are being created!' }))
    await using client = openLivyClient({ url: server.url, names: false })
    await expect(client.create({ file: '/a.py' }, call)).rejects.toMatchObject({ code: 'TOO_MANY_SESSIONS' })
  })

  it.each([
    ['a refusal', [400], true],
    ['a refusal after an answer of a gateway that gave up', [504, 400], false],
    ['a name that is taken by nobody', [taken, taken, taken, taken, taken], false],
  ])('%s: whether there can be a batch all the same', async (_what, answers, createdNothing) => {
    let posts = 0
    await using server = await answering((request, response) => {
      const found = request.method === 'POST' ? answers[posts++] : 404
      json(found === taken ? 400 : (found ?? 500), { msg: found === taken ? 'Duplicate session name: Some(run)' : 'no' })(request, response)
    })
    await using client = openLivyClient({ url: server.url })
    await expect(client.create({ file: '/a.py', name: 'run' }, call)).rejects.toMatchObject({ createdNothing })
    expect(posts).toBe(answers.length)
  })

  it('a page with status 200 is no answer', async () => {
    await using server = await answering((_request, response) => void response.end('<html>Sign in</html>'))
    await using client = openLivyClient({ url: server.url })
    await expect(client.version(call)).rejects.toMatchObject({ code: 'ANSWER_UNREADABLE' })
  })

  it.each(['SafeModeException', 'RetriableException'])('WebHDFS: safe mode (%s) is no matter of rights', async (exception) => {
    const message = 'Cannot create directory /a. Name node is in safe mode.\nIt was turned on manually.'
    await using refusing = await answering(json(403, { RemoteException: { exception, message } }))
    await using writer = openWebHdfsClient({ url: refusing.url })
    await expect(writer.makeDirectory('/a', call)).rejects.toMatchObject({ code: 'READ_ONLY' })
  })

  it('WebHDFS: a quota is no space, and an older one redirects to the content', async () => {
    const full = { RemoteException: { exception: 'DSQuotaExceededException', message: 'The DiskSpace quota of /a is exceeded' } }
    await using refusing = await answering(json(403, full))
    await using writer = openWebHdfsClient({ url: refusing.url })
    await expect(writer.write('/a', 'x', { ...call, overwrite: true })).rejects.toMatchObject({ code: 'NO_SPACE' })
    await using node = await answering((request, response) => void response.end(`content for ${request.headers.authorization}`))
    await using redirecting = await answering(
      (_request, response) => void response.writeHead(307, { location: `${node.url}/data?op=OPEN` }).end(),
    )
    await using reader = openWebHdfsClient({ url: redirecting.url, authentication: { kind: 'basic', username: 'a', password: 'b' } })
    expect((await reader.read('/a', {}, call))?.toString()).toBe('content for undefined')
  })
})
