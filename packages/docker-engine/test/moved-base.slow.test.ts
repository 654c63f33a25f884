import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerProblem, startDockerRegistry } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { planImage, prepareImage } from '../src/index.ts'
import { imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
afterAll(() => {
  delete process.env['DOCKER_CONFIG']
})

describe.skipIf(problem !== undefined)(`a base image that is pulled again${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it('makes another environment when another image has come by the same name', async () => {
    await using fixture = await imagesFixture()
    await using registry = await startDockerRegistry('sesame-street')
    const auth = Buffer.from(`${registry.user}:${registry.password}`).toString('base64')
    process.env['DOCKER_CONFIG'] = fixture.directory
    writeFileSync(join(fixture.directory, 'config.json'), JSON.stringify({ auths: { [registry.address]: { auth } } }))
    const name = `${registry.address}/team/moving:1`
    const wanted = (pip: readonly string[]) => fixture.wanted(name, pipFile(pip), { projectId: 'moving' })
    await registry.take(fixture.server, await fixture.base(), 'team/moving:1')
    const first = await prepareImage(fixture.engine, wanted(['six==1.16.0']), fixture.options())
    await registry.take(fixture.server, await fixture.base(), 'team/moving:1')
    const second = await prepareImage(fixture.engine, wanted(['six==1.17.0']), fixture.options())
    expect(second.changed.map(({ input }) => input)).toEqual(expect.arrayContaining(['pip: six', expect.stringMatching(/base/)]))
    const planned = await planImage(fixture.engine, wanted(['six==1.17.0']), fixture.options())
    expect(planned.environment).toMatchObject({ key: second.key, ready: true })
    expect(second.key).not.toBe(first.key)
    await fixture.engine.docker.getImage(name).remove({ force: true })
  })
})
