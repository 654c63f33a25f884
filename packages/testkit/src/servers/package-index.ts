import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DockerEngine } from './docker-engine.ts'

/** A package index on this machine, which containers of the engine reach. It has `thing-<any word>` in every version. */
export interface PackageIndex extends AsyncDisposable {
  /** For `--index-url`. */
  readonly url: string
  /** Paths that were asked for. */
  readonly requests: readonly string[]
  /** Wheels are not answered until `release`. */
  hold(): void
  release(): void
  /** Bytes of a wheel. */
  wheel(name: string, version: string, size?: number): Buffer
}

const program = `
import os, sys, zipfile
path, name, version, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
info = "%s-%s.dist-info/" % (name, version)
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr(name + ".py", "version = %r\\n" % version)
    if size: wheel.writestr(name + ".bin", os.urandom(size))
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name.replace("_", "-"), version))
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
`

export interface PackageIndexOptions {
  /** Bytes of a file in each wheel. */
  readonly size?: number
  /** `user:password` that every request must have. Absent: none. */
  readonly login?: string
  /** `name=value&…` that every address must have; links have it. Absent: none. */
  readonly query?: string
}

export async function startPackageIndex(
  engine: Pick<DockerEngine, 'api'>,
  { size = 0, login, query }: PackageIndexOptions = {},
): Promise<PackageIndex> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-index-'))
  const requests: string[] = []
  let held: (() => void)[] | undefined
  const wheel = (name: string, version: string, bytes = size): Buffer => {
    const file = join(folder, `${name}-${version}.whl`)
    execFileSync('python3', ['-c', program, file, name.replaceAll('-', '_'), version, String(bytes)])
    return readFileSync(file)
  }
  const server = createServer((request, response) => {
    const [path = '', found = ''] = (request.url ?? '').split('?')
    if (login !== undefined && request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end()
      return
    }
    if (query !== undefined && found !== query) {
      response.writeHead(403).end()
      return
    }
    requests.push(path)
    const [, name] = /^\/(?:simple|links)\/(thing-\w+)\/$/.exec(path) ?? []
    const [, file, of, version] = /^\/wheels\/((\w+)-([\d.]+)-py3-none-any\.whl)$/.exec(path) ?? []
    if (name !== undefined) {
      const links = ['1.0', '2.0'].map((item) => `${name.replaceAll('-', '_')}-${item}-py3-none-any.whl`)
      const rest = query === undefined ? '' : `?${query.replaceAll('&', '&amp;')}`
      response.setHeader('content-type', 'text/html').end(links.map((link) => `<a href="/wheels/${link}${rest}">${link}</a>`).join('\n'))
    } else if (file !== undefined && of !== undefined && version !== undefined) {
      const answer = () => void response.end(wheel(of, version))
      if (held === undefined) answer()
      else held.push(answer)
    } else response.writeHead(404).end()
  })
  const { IPAM } = await engine.api<{ readonly IPAM: { readonly Config: readonly { readonly Gateway?: string }[] } }>(
    'GET',
    '/networks/bridge',
  )
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const address = server.address()
  return {
    url: `http://${IPAM.Config[0]?.Gateway ?? '127.0.0.1'}:${typeof address === 'object' && address ? address.port : 0}/simple`,
    requests,
    hold: () => void (held = []),
    release() {
      const waiting = held ?? []
      held = undefined
      for (const answer of waiting) answer()
    },
    wheel,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
