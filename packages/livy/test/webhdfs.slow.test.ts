import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { Readable } from 'node:stream'
import { livyProblem, startGateway, startHdfs } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { openWebHdfsClient } from '@errand/livy'

const problem = livyProblem()
const hdfs = problem === undefined ? await startHdfs() : undefined
const gateway = hdfs && (await startGateway({ webhdfs: hdfs.webHdfsUrl.replace(/\/v1$/, '') }))
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await hdfs?.[Symbol.asyncDispose]()
})

const call = { signal: new AbortController().signal }

describe.skipIf(problem)(`a real HDFS${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (hdfs === undefined || gateway === undefined) return
  const { username, password, certificate } = gateway
  const user = userInfo().username
  const ways = [
    ['directly', { url: hdfs.webHdfsUrl, user }],
    [
      'through a gateway',
      {
        url: `${gateway.url}/webhdfs/v1`,
        user,
        certificateAuthority: certificate,
        authentication: { kind: 'basic' as const, username, password },
      },
    ],
  ] as const

  it.each(ways)('keeps files %s', async (_way, settings) => {
    await using client = openWebHdfsClient(settings)
    const folder = `/${randomBytes(4).toString('hex')}/a name with blanks, % and Grüße`
    expect(await client.homeDirectory(call)).toBe(`/user/${user}`)
    expect(await client.status(folder, call)).toBeUndefined()
    expect(await client.list(folder, call)).toBeUndefined()
    await client.makeDirectory(folder, { ...call, permission: '700' })
    const content = randomBytes(3_000_000)
    await client.write(`${folder}/file`, () => Readable.from([content.subarray(0, 1000), content.subarray(1000)]), {
      ...call,
      overwrite: false,
    })
    await expect(client.write(`${folder}/file`, 'other', { ...call, overwrite: false })).rejects.toMatchObject({ code: 'EXISTS' })
    expect((await client.read(`${folder}/file`, {}, call))?.equals(content)).toBe(true)
    const piece = await client.read(`${folder}/file`, { offset: 2_999_990, length: 100 }, call)
    expect(piece?.equals(content.subarray(2_999_990))).toBe(true)
    expect(await client.read(`${folder}/file`, { offset: 3_000_000 }, call)).toHaveLength(0)
    expect(await client.read(`${folder}/none`, {}, call)).toBeUndefined()
    await client.write(`${folder}/empty`, '', { ...call, overwrite: true })
    expect(await client.read(`${folder}/empty`, {}, call)).toHaveLength(0)
    expect(await client.list(folder, call)).toMatchObject([
      { name: 'empty', type: 'FILE', size: 0 },
      { name: 'file', type: 'FILE', size: 3_000_000 },
    ])
    expect(await client.rename(`${folder}/file`, `${folder}/empty`, call)).toBe(false)
    expect(await client.rename(`${folder}/file`, `${folder}/moved`, call)).toBe(true)
    expect(await client.delete(folder, call)).toBe(true)
    expect(await client.delete(folder, call)).toBe(false)
  })

  it('asks again after a lost answer, and tells a wrong login', async () => {
    await using client = openWebHdfsClient(ways[1][1])
    const path = `/${randomBytes(4).toString('hex')}`
    gateway.spoil(2, /^PUT \/node\//, 'cut')
    await client.write(path, 'content', { ...call, overwrite: true })
    gateway.spoil(2, /^GET \/node\//, 504)
    expect((await client.read(path, {}, call))?.toString()).toBe('content')
    await using stranger = openWebHdfsClient({ ...ways[1][1], authentication: { kind: 'basic', username, password: 'wrong' } })
    await expect(stranger.status(path, call)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })
})
