import { type ChannelImage, dockerProblem, makeChannelImage } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planImage, prepareImage } from '../src/index.ts'
import { runBriefly } from '../src/brief-container.ts'
import { type ImagesFixture, imagesFixture } from './images-fixture.ts'

const problem = dockerProblem()
let fixture: ImagesFixture
let base: ChannelImage
beforeAll(async () => {
  if (problem !== undefined) return
  fixture = await imagesFixture()
  base = await makeChannelImage(fixture.server, `with-channel-${process.pid}:1`)
})
afterAll(async () => fixture?.[Symbol.asyncDispose]())

const condaFile = (conda: readonly string[], pip: readonly string[] = []) => ({
  channels: ['file:///channel'],
  conda: [...conda],
  pip: [...pip],
  pipOptions: [],
})

describe.skipIf(problem !== undefined)(
  `a conda environment in an image${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { timeout: 900_000 },
  () => {
    it('is solved and installed by rattler in a base image without conda; an edited pip section leaves the conda part as it is', async () => {
      const conda = [`python=${base.python}`, 'greeter']
      const made = await prepareImage(fixture.engine, fixture.wanted(base.name, condaFile(conda, ['six==1.16.0'])), fixture.options())
      expect(made.lock?.provider).toMatch(/^rattler /)
      expect(made.lock?.packages).toContainEqual(
        expect.objectContaining({ name: 'greeter', version: '2.0.0', hash: expect.stringMatching(/^sha256:/) as string }),
      )
      const signal = new AbortController().signal
      const greeting = await runBriefly(fixture.engine, { image: made.image, command: ['/opt/errand/environment/bin/greeter'], signal })
      expect(greeting.stdout).toBe(`greeter 2.0.0 on ${base.python}\n`)

      const edited = await prepareImage(fixture.engine, fixture.wanted(base.name, condaFile(conda, ['six==1.17.0'])), fixture.options())
      expect(edited.changed).toEqual([{ input: 'pip: six', before: 'six==1.16.0', after: 'six==1.17.0' }])
      const [before, after] = await Promise.all(
        [made, edited].map(async ({ image }) => (await fixture.engine.docker.getImage(image).inspect()).RootFS.Layers ?? []),
      )
      const shared = before?.filter((layer, index) => layer === after?.[index]).length ?? 0
      // Of the base image, the tools and the conda part: all but the pip section and the list of packages.
      expect(shared).toBeGreaterThanOrEqual((before?.length ?? 0) - 4)
    })

    it('of a Python that the channel does not have says which', async () => {
      const wanted = fixture.wanted(base.name, condaFile(['python=3.5.2', 'greeter']))
      await expect(prepareImage(fixture.engine, wanted, fixture.options())).rejects.toMatchObject({
        code: 'ENVIRONMENT_FAILED',
        hint: expect.stringContaining('Python 3.5.2 is not to be had') as string,
      })
    })

    it.each([
      ['the order of packages', condaFile(['greeter', 'python>=3.6']), []],
      ['the spelling of a name', condaFile(['python>=3.6', 'Greeter']), []],
      ['a version', condaFile(['python>=3.6', 'greeter=1.0']), [{ input: 'conda: greeter', before: 'greeter', after: 'greeter=1.0' }]],
      ['a package', condaFile(['python>=3.6']), [{ input: 'conda: greeter', before: 'greeter', after: '(none)' }]],
      ['a pip package', condaFile(['python>=3.6', 'greeter'], ['six']), [{ input: 'pip: six', after: 'six' }]],
      ['a channel', { ...condaFile(['python>=3.6', 'greeter']), channels: ['file:///channel', 'conda-forge'] }, [{ input: 'channels' }]],
    ])('that differs in %s is the same or another as it should be', async (edit, canonical, changed) => {
      const projectId = 'matrix'
      await prepareImage(fixture.engine, fixture.wanted(base.name, condaFile(['python>=3.6', 'greeter']), { projectId }), fixture.options())
      const { environment } = await planImage(fixture.engine, fixture.wanted(base.name, canonical, { projectId }), fixture.options())
      const relevant = environment.changed.filter(
        ({ input }) => input !== 'conda: pip' && input !== 'provider' && input !== 'python of the place',
      )
      expect(environment.ready, edit).toBe(changed.length === 0)
      expect(relevant).toMatchObject(changed)
    })

    it('is another one on a base image that has changed under its name, and says so', async () => {
      const wanted = fixture.wanted(base.name, condaFile(['python>=3.6', 'greeter']), { projectId: 'moved' })
      await prepareImage(fixture.engine, wanted, fixture.options())
      const [repo = '', tag = ''] = base.name.split(':')
      await fixture.engine.docker.getImage(await fixture.base()).tag({ repo, tag })
      const { environment } = await planImage(fixture.engine, wanted, fixture.options())
      expect(environment).toMatchObject({ ready: false, changed: [{ input: 'base' }] })
    })
  },
)
