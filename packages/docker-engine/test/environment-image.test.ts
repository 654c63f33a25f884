import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planImage, prepareImage, removeImageLeftover } from '../src/index.ts'
import { runBriefly } from '../src/brief-container.ts'
import { type ImagesFixture, imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
let fixture: ImagesFixture
beforeAll(async () => {
  if (problem === undefined) fixture = await imagesFixture()
})
afterAll(async () => fixture?.[Symbol.asyncDispose]())

describe.skipIf(problem !== undefined)(
  `an environment's image${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { timeout: 900_000 },
  () => {
    it.each(['classic', 'buildkit'] as const)(
      'is built once by the builder %s, found again, and says which input changed',
      async (builder) => {
        const base = await fixture.base()
        const wanted = fixture.wanted(base, pipFile(['six==1.16.0']), { projectId: builder })
        const planned = await planImage(fixture.engine, wanted, fixture.options())
        expect(planned.environment).toMatchObject({ ready: false, changed: [] })
        const options = fixture.options({ builder })
        const made = await prepareImage(fixture.engine, wanted, options)
        expect(options.messages).toContain('installing the pip section with uv 0.13.9')
        expect(made).toMatchObject({ key: planned.environment.key, built: true, python: '/opt/errand/environment/bin/python' })
        expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: 'six', version: '1.16.0' }))
        const code = 'import importlib.util, os; print(os.path.exists(importlib.util.find_spec("six").cached))'
        const compiled = await runBriefly(fixture.engine, { image: made.image, command: [made.python, '-c', code], signal: options.signal })
        expect(compiled.stdout).toBe('True\n')
        const [known = ''] = globSync(join(fixture.directory, 'images', `${made.image.slice('sha256:'.length)}.packages.json`))
        writeFileSync(known, '')
        const again = await prepareImage(fixture.engine, wanted, fixture.options({ build: false }))
        expect(again).toMatchObject({ image: made.image, built: false, changed: [], lock: made.lock })
        const edited = await planImage(
          fixture.engine,
          fixture.wanted(base, pipFile(['six==1.17.0']), { projectId: builder }),
          fixture.options(),
        )
        expect(edited.environment).toMatchObject({
          ready: false,
          changed: [{ input: 'pip: six', before: 'six==1.16.0', after: 'six==1.17.0' }],
        })
      },
    )

    it.each(['classic', 'buildkit'] as const)(
      'of another pip section is made of the last one by the builder %s, and has nothing of it that is not wanted',
      async (builder) => {
        const base = await fixture.base()
        const prepare = (pip: readonly string[]) =>
          prepareImage(fixture.engine, fixture.wanted(base, pipFile(pip), { projectId: `change-${builder}` }), fixture.options({ builder }))
        const layers = async (image: string) => (await fixture.engine.docker.getImage(image).inspect()).RootFS.Layers ?? []
        const before = await prepare(['six==1.16.0', 'iniconfig'])
        const after = await prepare(['six==1.17.0', 'toml'])
        const names = (after.lock?.packages ?? []).map(({ name, version }) => `${name} ${version}`)
        expect(names).toEqual([
          expect.stringMatching(/^pip /),
          expect.stringMatching(/^python /),
          'six 1.17.0',
          expect.stringMatching(/^toml /),
        ])
        const [old, made] = [await layers(before.image), await layers(after.image)]
        expect(made.slice(0, old.length)).toEqual(old)
        expect(made.length).toBeGreaterThan(old.length)
        expect(after.lock?.packages.find(({ name }) => name === 'toml')).toMatchObject({
          hash: expect.stringMatching(/^sha256:/) as string,
        })
        // The one below can go first: it loses its name, and its layers when nobody needs them.
        for (const { image } of [before, after]) await removeImageLeftover(fixture.engine, `image:${image}`)
        const keys = [before.key, after.key].map((key) => ({ label: [`errand.environment.key=${key}`] }))
        for (const filters of keys) expect(await fixture.engine.docker.listImages({ filters: JSON.stringify(filters) })).toEqual([])
      },
    )
  },
)
