import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonValue } from '@errand/core'
import { type PackageIndex, dockerProblem, startDockerEngine, startPackageIndex } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultImages, planImage, prepareImage } from '../src/index.ts'
import { runBriefly } from '../src/brief-container.ts'
import { type ImagesFixture, imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
let fixture: ImagesFixture
let index: PackageIndex
let base: string

beforeAll(async () => {
  if (problem !== undefined) return
  fixture = await imagesFixture()
  index = await startPackageIndex(fixture.server)
  // The tools are made once, so that the tests wait for what they are about.
  base = await fixture.base()
  await prepareImage(fixture.engine, wantedOf(['thing-first']), fixture.options())
})
afterAll(async () => {
  await index?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})

const own = (pip: readonly string[], more: Readonly<Record<string, JsonValue>> = {}): JsonValue =>
  pipFile(pip, { pipOptions: ['--extra-index-url', index.url], ...more })
const wantedOf = (pip: readonly string[], projectId = 'faults') => fixture.wanted(base, own(pip), { projectId })
const python = async (image: string, code: string): Promise<string> => {
  const command = ['/opt/errand/environment/bin/python', '-c', code]
  const { stdout, stderr } = await runBriefly(fixture.engine, { image, command, signal: new AbortController().signal })
  return `${stdout}${stderr}`.trim()
}
const ourImages = async (key: string) =>
  fixture.engine.docker.listImages({ filters: JSON.stringify({ label: [`errand.environment.key=${key}`] }) })

describe.skipIf(problem !== undefined)(`building an environment's image${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it.each(['classic', 'buildkit'] as const)("that fails in the middle shows the installer's own words (%s)", async (builder) => {
    const wanted = wantedOf(['thing-good', 'no-such-thing==1'], builder)
    const error = await prepareImage(fixture.engine, wanted, fixture.options({ builder })).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'ENVIRONMENT_FAILED', hint: expect.stringMatching(/no-such-thing/) as string })
    const { message } = error as Error
    expect(message).toMatch(/installing the pip section with uv .* failed with exit code 1\./)
    expect(message).toMatch(/no-such-thing was not found/)
    expect(message).not.toMatch(/---> |Removing intermediate/)
    const log = /The full log is (\S+) on/.exec(message)?.[1] ?? ''
    expect(readFileSync(log, 'utf8')).toContain('no-such-thing')
    expect((await planImage(fixture.engine, wanted, fixture.options())).environment.ready).toBe(false)
    const mended = await prepareImage(fixture.engine, wantedOf(['thing-good'], builder), fixture.options({ builder }))
    expect(await python(mended.image, 'import thing_good; print(thing_good.version)')).toBe('2.0')
  })

  it('is one build for two clients at once', async () => {
    index.hold()
    const options = fixture.options()
    const first = prepareImage(fixture.engine, wantedOf(['thing-twice']), options)
    const second = fixture.options()
    const other = prepareImage(fixture.engine, wantedOf(['thing-twice'], 'other'), second)
    while (
      !second.messages.includes('waiting for another build of this environment') &&
      !index.requests.some((path) => path.includes('wheels/thing_twice'))
    )
      await sleep(50)
    index.release()
    const [one, two] = await Promise.all([first, other])
    expect(one.image).toBe(two.image)
    expect([one.built, two.built]).toEqual([true, true])
    const installing = /^installing the pip section/
    expect([options.messages, second.messages].filter((messages) => messages.some((message) => installing.test(message)))).toHaveLength(1)
    expect(await ourImages(one.key)).toHaveLength(1)
  })

  it('goes on after its client was killed, and leaves nothing half made', async () => {
    index.hold()
    const wanted = wantedOf(['thing-killed'])
    const { client: _, ...plain } = wanted
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'prepare-until-killed.ts'), fixture.server.socket, JSON.stringify(plain)],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    while (!index.requests.some((path) => path.includes('wheels/thing_killed'))) await sleep(50)
    child.kill('SIGKILL')
    index.release()
    const made = await prepareImage(fixture.engine, wanted, fixture.options())
    expect(await python(made.image, 'import thing_killed; print(thing_killed.version)')).toBe('2.0')
    expect(await ourImages(made.key)).toHaveLength(1)
    const left = await fixture.engine.docker.listContainers({
      all: true,
      filters: JSON.stringify({ name: [`errand-building-${made.key}`] }),
    })
    expect(left).toEqual([])
  })

  it('gives each the file that it asked with, when the file is edited while it builds', async () => {
    index.hold()
    const before = prepareImage(fixture.engine, wantedOf(['thing-edited==1.0']), fixture.options())
    while (!index.requests.some((path) => path.includes('wheels/thing_edited-1.0'))) await sleep(50)
    const after = prepareImage(fixture.engine, wantedOf(['thing-edited==2.0']), fixture.options())
    while (!index.requests.some((path) => path.includes('wheels/thing_edited-2.0'))) await sleep(50)
    index.release()
    const [first, second] = await Promise.all([before, after])
    expect(first.key).not.toBe(second.key)
    expect(await python(first.image, 'import thing_edited; print(thing_edited.version)')).toBe('1.0')
    expect(await python(second.image, 'import thing_edited; print(thing_edited.version)')).toBe('2.0')
  })

  it('ends when it is aborted, and the engine ends the build', async () => {
    index.hold()
    const stop = new AbortController()
    const building = prepareImage(fixture.engine, wantedOf(['thing-aborted']), fixture.options({ signal: stop.signal }))
    while (!index.requests.some((path) => path.includes('wheels/thing_aborted'))) await sleep(50)
    stop.abort(new Error('enough'))
    await expect(building).rejects.toThrow('enough')
    index.release()
    expect((await planImage(fixture.engine, wantedOf(['thing-aborted']), fixture.options())).environment.ready).toBe(false)
  })

  it('says that a package server could not be reached', async () => {
    // Nobody listens there in a container of a build. A name that nobody has would wait for the resolvers of the machine's network.
    const canonical = pipFile(['thing-far'], { pipOptions: ['--index-url', 'http://127.0.0.1:9/simple'] })
    await expect(prepareImage(fixture.engine, fixture.wanted(base, canonical), fixture.options())).rejects.toMatchObject({
      code: 'ENVIRONMENT_FAILED',
      hint: expect.stringContaining('could not be reached') as string,
    })
  })

  it('installs a wheel of the project by its digest, and knows it in the lock', async () => {
    const content = index.wheel('thing-local', '3.0')
    const path = 'wheels/thing_local-3.0-py3-none-any.whl'
    const file = {
      kind: 'file' as const,
      path,
      size: content.length,
      executable: false,
      digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
    }
    const wanted = fixture.wanted(base, own([`./${path}`]), { localFiles: [file] })
    const options = fixture.options({ openObject: () => Readable.from([content]) })
    const made = await prepareImage(fixture.engine, wanted, options)
    expect(await python(made.image, 'import thing_local; print(thing_local.version)')).toBe('3.0')
    expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: 'thing-local', hash: file.digest }))
  })

  it('keeps to a lock, or says what would differ', async () => {
    const free = await prepareImage(fixture.engine, wantedOf(['thing-locked']), fixture.options())
    const lock = free.lock ?? { provider: '', packages: [] }
    const again = await prepareImage(
      fixture.engine,
      fixture.wanted(base, own(['thing-locked']), { lock }),
      fixture.options({ build: false }),
    )
    expect(again).toMatchObject({ image: free.image, built: false })
    const packages = lock.packages.filter(({ name }) => name !== 'thing-locked').concat({ name: 'thing-locked', version: '1.0' })
    const other = { ...lock, packages }
    await expect(
      prepareImage(fixture.engine, fixture.wanted(base, own(['thing-locked']), { lock: other }), fixture.options()),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^ENVIRONMENT_(DRIFTED|FAILED)$/) as string })
  })

  it('is not begun when it may not build, and says why', async () => {
    const wanted = wantedOf(['thing-first', 'thing-new'])
    await expect(prepareImage(fixture.engine, wanted, fixture.options({ build: false }))).rejects.toMatchObject({
      code: 'ENVIRONMENT_NOT_PREPARED',
      message: expect.stringContaining('pip: thing-new') as string,
    })
  })

  it('of an image without Spark is refused for PySpark', async () => {
    const wanted = fixture.wanted(base, own([]), { framework: 'pyspark' })
    await expect(prepareImage(fixture.engine, wanted, fixture.options())).rejects.toMatchObject({
      code: 'IMAGE_WITHOUT_SPARK',
      hint: expect.stringContaining(defaultImages.pyspark) as string,
    })
  })

  it('of an image without Python fetches micromamba, and takes nothing else for it', async () => {
    const asked: string[] = []
    const download = async (url: string) => {
      asked.push(url)
      return new Response('not micromamba')
    }
    const bare = await fixture.server.image('bare')
    const wanted = fixture.wanted(bare, { channels: ['conda-forge'], conda: ['python=3.12'], pip: [], pipOptions: [] })
    await expect(prepareImage(fixture.engine, wanted, { ...fixture.options(), download })).rejects.toMatchObject({
      code: 'DOWNLOAD_CORRUPT',
    })
    expect(asked).toEqual([expect.stringMatching(/^https:\/\/github\.com\/mamba-org\/.*micromamba-linux-/)])
  })

  it('says that the disk of the engine is full, and goes on when there is room', async () => {
    await using server = await startDockerEngine({ disk: '260m' })
    await using small = await imagesFixture(server)
    await using large = await startPackageIndex(server, { size: 150_000_000 })
    const name = await small.base()
    const canonical = pipFile(['thing-large'], { pipOptions: ['--extra-index-url', large.url] })
    await expect(prepareImage(small.engine, small.wanted(name, canonical), small.options())).rejects.toMatchObject({
      code: 'ENGINE_DISK_FULL',
      hint: expect.stringContaining('clean') as string,
    })
  })
})
