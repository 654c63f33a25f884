import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type PackageIndex, startPackageIndex } from '@errand/testkit/servers'
import { expect, it } from 'vitest'
import { type TemporaryProject, runIdOf, temporaryProject } from './project.ts'
import { holding } from './remote-place.ts'

/** Of a signed address, as a store of packages gives it. */
const query = 'sv=2022-11-02&se=2030-01-01T00%3A00%3A00Z&sig=c4nary-sig%2F55e1%3D'
/** An index for this machine alone asks no engine for its network. */
const index = (options: { readonly query?: string }): Promise<PackageIndex> =>
  startPackageIndex({ api: async <Answer>() => ({ IPAM: { Config: [] } }) as Answer }, options)

const projectWith = (pip: readonly string[], modules: readonly string[]) =>
  temporaryProject({
    'aml_config/local.compute': 'type: local\nuserManagedEnvironment: false\n',
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nPrepareEnvironment: true\n',
    'aml_config/conda_dependencies.yml': ['dependencies:', '- python>=3.8', '- pip:', ...pip.map((item) => `  - "${item}"`), ''].join('\n'),
    'train.py': `import ${modules.join(', ')}\nprint(${modules.map((name) => `${name}.version`).join(', ')})\n`,
  })

const signed = ({ url }: PackageIndex, given: string, more: readonly string[] = []) =>
  projectWith(
    [
      ...more,
      `thing-file @ ${new URL(url).origin}/wheels/thing_file-2.0-py3-none-any.whl?${given}`,
      `--find-links=${new URL(url).origin}/links/thing-links/?${given}`,
      'thing-links',
    ],
    ['thing_file', 'thing_links'],
  )

/** What uv and pip keep for a next time is looked at too. */
const cachesIn = ({ parent }: TemporaryProject) => ({ XDG_CACHE_HOME: join(parent, 'cache') })

const installed = { exitCode: 0, stdout: expect.stringContaining('2.0 2.0\n') as string }

it('a signed address installs, and its signature is kept only where the file itself is', { timeout: 900_000 }, async () => {
  await using server = await index({ query })
  using project = signed(server, query)
  const file = 'aml_config/conda_dependencies.yml'
  const environment = cachesIn(project)
  const first = await project.errandWith({ environment }, 'submit', '--debug', '-c', 'local', 'train.py')
  expect(first).toMatchObject(installed)
  const asked = server.requests.length
  project.write(file, project.read(file).replaceAll('c4nary-sig', 'c4nary-sig-renewed').replaceAll('se=2030', 'se=2031'))
  const again = await project.errand('rerun', runIdOf(first), '--debug')
  expect(again).toMatchObject(installed)
  expect(server.requests).toHaveLength(asked)
  const record = await project.errand('history', 'info', '-r', runIdOf(first), '-o', 'json', '--debug')
  for (const { stdout, stderr } of [first, again, record]) expect(`${stdout}${stderr}`).not.toContain('c4nary')
  const copies = new RegExp(`/${file}$|/objects/[0-9a-f]{2}/[0-9a-f]+$`)
  expect(holding('c4nary-sig', [project.parent]).filter((path) => !copies.test(path))).toEqual([])
})

it.each([
  ['uv', []],
  ['pip', ['--no-color']],
])('a signed address whose query is a secret installs with %s, and nothing keeps it', { timeout: 900_000 }, async (_, options) => {
  await using server = await index({ query })
  using project = signed(server, '${PACKAGES}', options)
  const environment = { ...cachesIn(project), ERRAND_SECRET_PACKAGES: query }
  const run = await project.errandWith({ environment }, 'submit', '--debug', '-c', 'local', 'train.py')
  expect(run).toMatchObject({ ...installed, stderr: '' })
  expect(run.stdout).not.toContain('c4nary')
  expect(holding('c4nary-sig', [project.parent])).toEqual([])
})

it('the password of a proxy opens it, and is kept only where the file itself is', { timeout: 900_000 }, async () => {
  await using server = await index({})
  const login = `Basic ${Buffer.from('me:c4nary-proxy').toString('base64')}`
  const seen: (string | undefined)[] = []
  const answerFor = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    seen.push(request.headers['proxy-authorization'])
    if (seen.at(-1) !== login) {
      response.writeHead(407, { 'proxy-authenticate': 'Basic realm="proxy"' }).end()
      return
    }
    const { pathname } = new URL(request.url ?? '', 'http://nowhere.invalid')
    const answer = await fetch(new URL(pathname, server.url))
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/zip' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  }
  const proxy = createServer((request, response) => void answerFor(request, response))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  try {
    const at = `me:c4nary-proxy@127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const options = ['--index-url http://packages.invalid/simple', '--trusted-host packages.invalid', `--proxy ${at}`]
    using project = projectWith([...options, 'thing-proxied', 'thing-other'], ['thing_proxied', 'thing_other'])
    const run = await project.errand('submit', '--debug', '-c', 'local', 'train.py')
    expect(run).toMatchObject(installed)
    expect(seen).toContain(login)
    expect(`${run.stdout}${run.stderr}`).not.toContain('c4nary')
    const copies = /conda_dependencies\.yml$|\/objects\/[0-9a-f]{2}\/[0-9a-f]+$/
    expect(holding('c4nary-proxy', [project.parent]).filter((path) => !copies.test(path))).toEqual([])
  } finally {
    proxy.closeAllConnections()
    proxy.close()
  }
})
