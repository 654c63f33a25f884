import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PackageIndex, dockerProblem, startPackageIndex } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planImage, prepareImage, removeImageLeftover } from '../src/index.ts'
import { runBriefly } from '../src/brief-container.ts'
import { environmentTag } from '../src/environment-image.ts'
import { type ImagesFixture, imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
let fixture: ImagesFixture
let index: PackageIndex
/** One for all: what brings uv into it is a layer that each builder makes once, and waits for a network far away. */
let base: string
beforeAll(async () => {
  if (problem !== undefined) return
  fixture = await imagesFixture()
  index = await startPackageIndex(fixture.server)
  base = await withWheels(await fixture.base())
})
afterAll(async () => {
  await index?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})

const own = (pip: readonly string[]) => pipFile(pip, { pipOptions: ['--extra-index-url', index.url] })

describe.skipIf(problem !== undefined)(
  `an environment's image${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { timeout: 900_000 },
  () => {
    it.each(['classic', 'buildkit'] as const)(
      'is built once by the builder %s, found again, and says which input changed',
      async (builder) => {
        const wanted = fixture.wanted(base, own([`thing-${builder}==1.0`]), { projectId: builder })
        const planned = await planImage(fixture.engine, wanted, fixture.options())
        expect(planned.environment).toMatchObject({ ready: false, changed: [] })
        const options = fixture.options({ builder })
        const made = await prepareImage(fixture.engine, wanted, options)
        expect(options.messages).toContain('installing the pip section with uv 0.13.9')
        expect(made).toMatchObject({ key: planned.environment.key, built: true, python: '/opt/errand/environment/bin/python' })
        expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: `thing-${builder}`, version: '1.0' }))
        const code = `import importlib.util, os; print(os.path.exists(importlib.util.find_spec("thing_${builder}").cached))`
        const compiled = await runBriefly(fixture.engine, { image: made.image, command: [made.python, '-c', code], signal: options.signal })
        expect(compiled.stdout).toBe('True\n')
        const [known = ''] = globSync(join(fixture.directory, 'images', `${made.image.slice('sha256:'.length)}.packages.json`))
        writeFileSync(known, '')
        const again = await prepareImage(fixture.engine, wanted, fixture.options({ build: false }))
        expect(again).toMatchObject({ image: made.image, built: false, changed: [], lock: made.lock })
        const edited = await planImage(
          fixture.engine,
          fixture.wanted(base, own([`thing-${builder}==2.0`]), { projectId: builder }),
          fixture.options(),
        )
        expect(edited.environment).toMatchObject({
          ready: false,
          changed: [{ input: `pip: thing-${builder}`, before: `thing-${builder}==1.0`, after: `thing-${builder}==2.0` }],
        })
      },
    )

    it.each(['classic', 'buildkit'] as const)(
      'of another pip section is made of the last one by the builder %s, and has nothing of it that is not wanted',
      async (builder) => {
        const prepare = (pip: readonly string[]) =>
          prepareImage(fixture.engine, fixture.wanted(base, own(pip), { projectId: `change-${builder}` }), fixture.options({ builder }))
        const layers = async (image: string) => (await fixture.engine.docker.getImage(image).inspect()).RootFS.Layers ?? []
        const before = await prepare(['thing-kept==1.0', 'thing-gone'])
        const after = await prepare(['thing-kept==2.0', 'thing-new'])
        const names = (after.lock?.packages ?? []).map(({ name, version }) => `${name} ${version}`)
        expect(names).toEqual([expect.stringMatching(/^pip /), expect.stringMatching(/^python /), 'thing-kept 2.0', 'thing-new 2.0'])
        const [old, made] = [await layers(before.image), await layers(after.image)]
        expect(made.slice(0, old.length)).toEqual(old)
        expect(made.length).toBeGreaterThan(old.length)
        expect(after.lock?.packages.find(({ name }) => name === 'thing-new')).toMatchObject({
          hash: expect.stringMatching(/^sha256:/) as string,
        })
        // The one below can go first, also while the other is in use: it loses its name, and its layers when nobody needs them.
        const user = await fixture.engine.docker.createContainer({ Image: after.image, Cmd: ['nothing'] })
        await removeImageLeftover(fixture.engine, `image:${before.image}`)
        await user.remove()
        for (const { image } of [before, after]) await removeImageLeftover(fixture.engine, `image:${image}`)
        const keys = [before.key, after.key].map((key) => ({ label: [`errand.environment.key=${key}`] }))
        for (const filters of keys) expect(await fixture.engine.docker.listImages({ filters: JSON.stringify(filters) })).toEqual([])
      },
    )

    it('of another pip section has every file of a package that shared some with one that is gone', async () => {
      const prepare = (pip: readonly string[]) => {
        const canonical = pipFile(pip, { pipOptions: ['--find-links', '/wheels'] })
        return prepareImage(fixture.engine, fixture.wanted(base, canonical, { projectId: 'shared' }), fixture.options())
      }
      const layers = async (image: string) => (await fixture.engine.docker.getImage(image).inspect()).RootFS.Layers ?? []
      const before = await prepare(['errand-one', 'errand-two'])
      const after = await prepare(['errand-one'])
      const old = await layers(before.image)
      expect((await layers(after.image)).slice(0, old.length)).toEqual(old)
      const command = [after.python, '-c', 'import shared; print(shared.__file__)']
      const { stdout } = await runBriefly(fixture.engine, { image: after.image, command, signal: new AbortController().signal })
      expect(stdout).toMatch(/shared\.py\n$/)
    })

    it('of another pip section is made of the base image where the last one has lost its name', async () => {
      const wanted = (pip: readonly string[]) => fixture.wanted(base, own(pip), { projectId: 'nameless' })
      const before = await prepareImage(fixture.engine, wanted(['thing-nameless==1.0']), fixture.options())
      await fixture.engine.docker.getImage(environmentTag(before.key)).remove()
      const { steps } = await planImage(fixture.engine, wanted(['thing-nameless==2.0']), fixture.options())
      expect(steps[0]).toBe(`start from ${base}`)
      const after = await prepareImage(fixture.engine, wanted(['thing-nameless==2.0']), fixture.options())
      expect(after.lock?.packages).toContainEqual(expect.objectContaining({ name: 'thing-nameless', version: '2.0' }))
    })
  },
)

/** An image with two wheels that have a module in common. */
async function withWheels(image: string): Promise<string> {
  const code = `
import os, zipfile
os.mkdir('/wheels')
for name in 'errand_one', 'errand_two':
    info = name + '-1.0.dist-info/'
    files = {'shared.py': '', info + 'METADATA': 'Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n' % name,
             info + 'WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'}
    files[info + 'RECORD'] = ''.join('%s,,\\n' % path for path in list(files) + [info + 'RECORD'])
    with zipfile.ZipFile('/wheels/%s-1.0-py3-none-any.whl' % name, 'w') as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
`
  const [repo = '', tag = ''] = image.split(':')
  const container = await fixture.engine.docker.createContainer({
    Image: image,
    Cmd: ['python3', '-c', code],
    HostConfig: { NetworkMode: 'none' },
  })
  await container.start()
  expect(await container.wait()).toMatchObject({ StatusCode: 0 })
  await container.commit({ repo, tag: `wheels-${tag}` })
  await container.remove()
  return `${repo}:wheels-${tag}`
}
