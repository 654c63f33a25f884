import { dockerProblem, sharedDockerEngine } from '@errand/testkit/servers'
import { describe, expect, it } from 'vitest'
import { openClient, options } from './docker-client.ts'

const problem = dockerProblem()

describe.skipIf(problem !== undefined)(`a plan${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it('counts each content once, and says that it may be less where only a container could tell what is there', async () => {
    const engine = await sharedDockerEngine()
    await using client = await openClient(engine, `plan${process.pid}`)
    const request = await client.request({ 'main.py': "print('done')\n", 'copy.py': "print('done')\n", 'data.txt': '12345' })
    await using target = client.open()
    const before = await target.plan(request, options)
    expect(before.upload).toMatchObject({ files: 2, bytes: 19 })
    expect(before.upload?.paths).toHaveLength(2)
    expect(before.upload).not.toHaveProperty('atMost')
    await client.follow(await client.submit(request))
    expect((await target.plan(request, options)).upload).toEqual({ files: 2, bytes: 19, atMost: true })
  })
})
