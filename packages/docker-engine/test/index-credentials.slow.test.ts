import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type PackageIndex, dockerProblem, makeCondaChannel, startPackageIndex, startPodman } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareImage } from '../src/index.ts'
import { type ImagesFixture, imagesFixture, pipFile } from './images-fixture.ts'

const problem = dockerProblem()
/** As it is, and as it stands in an address. */
const password = 'canary-41c9/of&index='
const userinfo = `me:${encodeURIComponent(password).replace('%3D', '=')}`
const token = 'canary-token-77b2'
/** That of a signed address, and one value alone. */
const queries = ['sv=2022-11-02&se=2030-01-01T00%3A00%3A00Z&sig=canary-sig%2F55e1%3D', 'job=build&private_token=canary-private-8e']
/** No form of it may be anywhere: the tools send the last. */
const canaries = ['canary-41c9', token, 'canary-sig', 'canary-private', Buffer.from(`me:${password}`).toString('base64')]

let fixture: ImagesFixture
let index: PackageIndex
let base: string
beforeAll(async () => {
  if (problem !== undefined) return
  fixture = await imagesFixture()
  index = await startPackageIndex(fixture.server, { login: `me:${password}` })
  base = await fixture.base()
})
afterAll(async () => {
  await index?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})

const withLogin = (url: string, login = userinfo) => url.replace('://', `://${login}@`)
/** uv has no option of the last's name. */
const forPip = () => ['--trusted-host', new URL(index.url).host, '--no-color']
const own = () => ['--extra-index-url', withLogin(index.url)]
const alone = () => ['--index-url', withLogin(index.url), '--trusted-host', new URL(index.url).host]

describe.skipIf(problem !== undefined)(
  `an image made with credentials${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { timeout: 900_000 },
  () => {
    it.each([
      ['uv, of the one index, which has no pip', () => pipFile(['thing-uv'], { conda: ['python>=3.8', 'pip'], pipOptions: alone() })],
      ['uv, of an address', () => pipFile([`thing-uv @ ${withLogin(wheelOf('thing_uv'))}`])],
      ['pip, of an index', () => pipFile(['thing-pip'], { pipOptions: [...own(), ...forPip()] })],
      ['pip, of an address', () => pipFile([withLogin(wheelOf('thing_pip'))], { pipOptions: forPip() })],
    ])('by %s has them nowhere', async (how, canonical) => {
      const options = fixture.options()
      const made = await prepareImage(fixture.engine, fixture.wanted(base, canonical(), { projectId: how }), options)
      expect(options.messages.join('\n')).toContain(`installing the pip section with ${how.split(',')[0]}`)
      expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: expect.stringMatching(/^thing[-_]/) as string }))
      await expectNowhere(made.image, [options.messages, made])
    })

    it.each(['uv', 'pip'])('by %s with a token in place of a name has it nowhere', async (tool) => {
      await using tokens = await startPackageIndex(fixture.server, { login: `${token}:` })
      const { host, origin } = new URL(tokens.url)
      const more = tool === 'uv' ? [] : ['--trusted-host', host, '--no-color']
      for (const [number, login] of [token, `${token}:`].entries()) {
        // Without the login, which is no part of the key of an image, the second would be the first.
        const name = `token${tool}${number}`
        const wheel = withLogin(`${origin}/wheels/thing_${name}-2.0-py3-none-any.whl`, login)
        for (const canonical of [
          pipFile([`thing-${name}`], { pipOptions: ['--extra-index-url', withLogin(tokens.url, login), ...more] }),
          pipFile([`thing-${name} @ ${wheel}`], { pipOptions: more }),
        ]) {
          const options = fixture.options()
          const made = await prepareImage(fixture.engine, fixture.wanted(base, canonical, { projectId: name }), options)
          expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: expect.stringContaining(name) as string }))
          await expectNowhere(made.image, [options.messages, made])
        }
      }
    })

    it.each(queries)('of addresses with the query %s has it nowhere', async (query) => {
      await using signed = await startPackageIndex(fixture.server, { query })
      const { host, origin } = new URL(signed.url)
      const kind = query.startsWith('job') ? 'part' : 'whole'
      const links = (name: string) => ['--find-links', `${origin}/links/thing-${name}/?${query}`]
      const pip = ['--trusted-host', host, '--no-color']
      for (const [name, pipSection, pipOptions] of [
        [`uvindex${kind}`, [`thing-uvindex${kind}`], ['--extra-index-url', `${signed.url}?${query}`]],
        [`uvlinks${kind}`, [`thing-uvlinks${kind}`], links(`uvlinks${kind}`)],
        [`uvfile${kind}`, [`thing-uvfile${kind} @ ${origin}/wheels/thing_uvfile${kind}-2.0-py3-none-any.whl?${query}`], []],
        [`piplinks${kind}`, [`thing-piplinks${kind}`], [...links(`piplinks${kind}`), ...pip]],
        [`pipfile${kind}`, [`${origin}/wheels/thing_pipfile${kind}-2.0-py3-none-any.whl?${query}`], pip],
      ] as const) {
        const options = fixture.options()
        const wanted = fixture.wanted(base, pipFile(pipSection, { pipOptions: [...pipOptions] }), { projectId: name })
        const made = await prepareImage(fixture.engine, wanted, options)
        expect(options.messages.join('\n')).toContain(`installing the pip section with ${name.slice(0, name.startsWith('uv') ? 2 : 3)}`)
        expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: expect.stringContaining(name) as string }))
        await expectNowhere(made.image, [options.messages, made])
      }
    })

    it('of another pip section is made of the last one, and has them nowhere', async () => {
      const prepare = (pip: readonly string[]) =>
        prepareImage(fixture.engine, fixture.wanted(base, pipFile(pip, { pipOptions: own() }), { projectId: 'change' }), fixture.options())
      const layers = async (image: string) => (await fixture.engine.docker.getImage(image).inspect()).RootFS.Layers ?? []
      const before = await prepare(['thing-one'])
      const after = await prepare(['thing-one', 'thing-two'])
      const old = await layers(before.image)
      expect((await layers(after.image)).slice(0, old.length)).toEqual(old)
      expect(after.lock?.packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['thing-one', 'thing-two']))
      await expectNowhere(after.image, [after])
    })

    it('of a channel, with a password or a token, has them nowhere', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'errand-channel-'))
      const { python } = makeCondaChannel(folder, ['/usr'])
      const server = createChannel(folder)
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
      try {
        const { port } = server.address() as { readonly port: number }
        const at = `${new URL(index.url).hostname}:${port}`
        for (const channel of [`http://${userinfo}@${at}/closed`, `http://${at}/t/${token}/open`]) {
          const canonical = { channels: [channel], conda: [`python=${python}`, 'greeter'], pip: [], pipOptions: [] }
          const made = await prepareImage(fixture.engine, fixture.wanted(base, canonical), fixture.options())
          expect(made.lock?.provider).toMatch(/^rattler /)
          expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: 'greeter', version: '2.0.0' }))
          await expectNowhere(made.image, [made])
        }
      } finally {
        server.closeAllConnections()
        server.close()
        rmSync(folder, { recursive: true, force: true })
      }
    })

    it('by Podman has them nowhere', async () => {
      await using podman = await startPodman()
      await using there = await imagesFixture(podman)
      const canonical = pipFile(['thing-podman'], { pipOptions: own() })
      const made = await prepareImage(there.engine, there.wanted(await podman.image('python'), canonical), there.options())
      expect(made.lock?.packages).toContainEqual(expect.objectContaining({ name: 'thing-podman', version: '2.0' }))
      await expectNowhere(made.image, [made], there)
    })

    it('is refused where the engine has no secrets for a build', async () => {
      const wanted = fixture.wanted(base, pipFile(['thing-refused'], { pipOptions: own() }))
      for (const engine of [
        { ...fixture.engine, apiVersion: '1.40' },
        { ...fixture.engine, name: 'Podman Engine', version: '3.0.1' },
      ]) {
        const error = await prepareImage(engine, wanted, fixture.options()).catch((caught: unknown) => caught)
        expect(error).toMatchObject({ code: 'CREDENTIALS_IN_IMAGE' })
        await expectNowhere(undefined, [String(error)])
      }
    })

    it('is refused where a list of packages that would be copied into it has them', async () => {
      const list = { kind: 'file' as const, path: 'more.txt', size: 100, executable: false, digest: `sha256:${'a'.repeat(64)}` }
      const canonical = pipFile(['thing-list'], { pipOptions: ['--requirement', 'more.txt'] })
      const options = fixture.options({ openObject: () => Readable.from([`--extra-index-url ${withLogin(index.url)}\n`]) })
      const error = await prepareImage(fixture.engine, fixture.wanted(base, canonical, { localFiles: [list] }), options).catch(
        (caught: unknown) => caught,
      )
      expect(error).toMatchObject({ code: 'CREDENTIALS_IN_IMAGE', message: expect.stringContaining('more.txt') as string })
      await expectNowhere(undefined, [options.messages, String(error)])
    })

    it('that are wrong shows them in no message and no log', async () => {
      const wrong = withLogin(index.url, 'me:canary-41c9-of-another')
      const options = fixture.options()
      const wanted = fixture.wanted(base, pipFile(['thing-wrong'], { pipOptions: ['--index-url', wrong] }))
      const error = await prepareImage(fixture.engine, wanted, options).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'ENVIRONMENT_FAILED', hint: expect.stringContaining('refuses these credentials') as string })
      await expectNowhere(undefined, [options.messages, String(error)])
    })
  },
)

const wheelOf = (name: string): string => `${new URL(index.url).origin}/wheels/${name}-2.0-py3-none-any.whl`

/** In no layer, and in nothing that an engine or errand's own files tell. */
async function expectNowhere(image: string | undefined, said: readonly unknown[], { directory, engine } = fixture): Promise<void> {
  const texts = [JSON.stringify(said)]
  for (const path of globSync('**/*', { cwd: directory }).map((name) => join(directory, name)))
    if (statSync(path).isFile()) texts.push(readFileSync(path, 'utf8'))
  if (image !== undefined) {
    const made = engine.docker.getImage(image)
    texts.push(JSON.stringify(await made.inspect()), JSON.stringify(await made.history()))
    expect(await found((await made.get()) as unknown as Readable)).toEqual([])
  }
  for (const canary of canaries) expect(texts.filter((text) => text.includes(canary))).toEqual([])
}

/** Which canaries are in a stream, also across its pieces. */
async function found(stream: Readable): Promise<readonly string[]> {
  const seen = new Set<string>()
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of stream as AsyncIterable<Buffer>) {
    const content = Buffer.concat([rest, piece])
    for (const canary of canaries) if (content.includes(canary)) seen.add(canary)
    rest = content.subarray(-200)
  }
  return [...seen]
}

/** The folder at `/closed`, for who has the login, and at `/t/TOKEN/open`. */
function createChannel(folder: string): Server {
  return createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const [, closed, opened] = /^(?:\/closed|\/t\/([^/]+)\/open)\/(.*)$/.exec(path) ?? []
    const login = `Basic ${Buffer.from(`me:${password}`).toString('base64')}`
    if (path.startsWith('/closed/') ? request.headers.authorization !== login : closed !== token) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="channel"' }).end()
      return
    }
    try {
      response.end(readFileSync(join(folder, opened ?? '')))
    } catch {
      response.writeHead(404).end()
    }
  })
}
