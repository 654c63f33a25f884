import { Readable } from 'node:stream'
import { type Finding, type Leftover, localHost } from '@errand/core'
import { dockerProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, engineFindings, imageLeftovers, labels, removeImageLeftover } from '../src/index.ts'
import { tarOf } from '../src/tar.ts'
import { type ImagesFixture, imagesFixture } from './images-fixture.ts'

const problem = dockerProblem()
/** An engine takes a tenth of a second for each. */
const many = process.env['ERRAND_CHECK'] === 'all' ? 200 : 12
let fixture: ImagesFixture
beforeAll(async () => {
  if (problem === undefined) fixture = await imagesFixture()
})
afterAll(async () => fixture?.[Symbol.asyncDispose]())

/** An image with these labels and nothing to run. */
async function image(name: string, content: Readonly<Record<string, string>>): Promise<string> {
  const [repo = '', tag = ''] = name.split(':')
  const changes = Object.entries(content).map(([key, value]) => `LABEL ${key}=${JSON.stringify(value)}`)
  const files = tarOf([{ path: 'name', content: name }])
  const answer = (await fixture.engine.docker.importImage(files, { repo, tag, changes })) as Readable
  await answer.resume().toArray()
  return (await fixture.engine.docker.getImage(name).inspect()).Id
}

async function leftoversOf(project: string): Promise<Leftover[]> {
  const found: Leftover[] = []
  for await (const leftover of imageLeftovers(fixture.engine, fixture.options())) if (leftover.project === project) found.push(leftover)
  return found
}

describe.skipIf(problem !== undefined)(`what is left of images${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it(`is all that carries our label, ${many} of them too, and nothing else`, async () => {
    const project = `many ${process.pid}`
    const environment = { [labels.kind]: 'environment', [labels.project]: project }
    for (let number = 0; number < many; number++) await image(`errand/environment:${process.pid}-${number}`, environment)
    const others = await image(`somebody/else:${process.pid}`, { project })
    const found = await leftoversOf(project)
    expect(found).toHaveLength(many)
    expect(found[0]).toMatchObject({ kind: 'environment', inUse: false, lastUsed: expect.stringMatching(/^20\d\d-/) as string })
    for (const { id } of found) await removeImageLeftover(fixture.engine, id)
    expect(await leftoversOf(project)).toEqual([])
    await expect(removeImageLeftover(fixture.engine, `image:${others}`)).rejects.toMatchObject({ code: 'LEFTOVER_UNKNOWN' })
    await fixture.engine.docker.getImage(others).remove()
  })

  it("is an image, and its owner's alone", async () => {
    const project = `layers ${process.pid}`
    const id = await image(`left/layer:${process.pid}`, { [labels.kind]: 'build', [labels.project]: project, [labels.user]: 'ann' })
    const of = async (owner: string) => {
      const all = await Readable.from(imageLeftovers(fixture.engine, { ...fixture.options(), owner })).toArray()
      return (all as Leftover[]).filter((leftover) => leftover.project === project).map((leftover) => [leftover.id, leftover.kind])
    }
    expect(await of('ann')).toEqual([[`image:${id}`, 'image']])
    expect(await of('bob')).toEqual([])
    await removeImageLeftover(fixture.engine, `image:${id}`)
  })

  it('is told as in use while a container needs it, and kept', async () => {
    const project = `in use ${process.pid}`
    const id = await image(`errand/environment:used-${process.pid}`, { [labels.kind]: 'environment', [labels.project]: project })
    const container = await fixture.engine.docker.createContainer({ Image: id, Cmd: ['nothing'] })
    const [found] = await leftoversOf(project)
    expect(found).toMatchObject({ inUse: true })
    await expect(removeImageLeftover(fixture.engine, found?.id ?? '')).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    await container.remove()
    await removeImageLeftover(fixture.engine, found?.id ?? '')
    await removeImageLeftover(fixture.engine, found?.id ?? '')
    expect(await leftoversOf(project)).toEqual([])
  })
})

describe.skipIf(problem !== undefined)('the findings about an engine', () => {
  const findings = async (expected: { readonly baseImage?: string; readonly gpus?: boolean }): Promise<readonly Finding[]> =>
    Readable.from(engineFindings(async () => fixture.engine, { client: localHost(), ...expected }, fixture.options())).toArray()

  it('name what answers, its platform, its room and the image that runs start from', async () => {
    const found = await findings({ baseImage: await fixture.server.image('python') })
    expect(found.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['engine', 'ok'],
      ['platform', 'ok'],
      ['machine', 'ok'],
      ['disk', 'ok'],
      ['base image', 'ok'],
    ])
    expect(found[0]?.detail).toContain(fixture.engine.version)
    expect(found[3]?.detail).toMatch(/GiB are free/)
  })

  it('say nothing of the disk of this machine when the engine may be on another', async () => {
    const elsewhere: Engine = { ...fixture.engine, address: { to: { host: '192.0.2.1', port: 2375 }, from: 'the .compute file' } }
    const expected = { client: localHost(), baseImage: await fixture.server.image('python') }
    const found = await Readable.from(engineFindings(async () => elsewhere, expected, fixture.options())).toArray()
    expect(found.find(({ name }: Finding) => name === 'disk')).toMatchObject({
      detail: expect.stringMatching(/of its own machine$/) as string,
    })
  })

  it('say what is missing, and the way out', async () => {
    const found = await findings({ baseImage: 'user/name::tag', gpus: true })
    expect(found.filter(({ outcome }) => outcome === 'failed').map(({ name, hint }) => [name, hint])).toEqual([
      ['gpu', expect.stringContaining('NVIDIA Container Toolkit')],
      ['base image', 'Write baseDockerImage: user/name:tag'],
    ])
  })
})
