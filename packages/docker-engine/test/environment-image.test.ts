import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planImage, prepareImage } from '../src/index.ts'
import { type ImagesFixture, imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
let fixture: ImagesFixture
beforeAll(async () => {
  if (problem === undefined) fixture = await imagesFixture()
})
afterAll(async () => fixture?.[Symbol.asyncDispose]())

describe.skipIf(problem !== undefined)(`an environment's image${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
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
})
