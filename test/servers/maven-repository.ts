import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Maven repository on this machine with one package, whose class `org.example.errand.Greeting` has the static method `text`. */
export interface MavenRepository extends AsyncDisposable {
  readonly port: number
  /** `group:artifact:version` as a Spark file has them. */
  readonly package: { readonly group: string; readonly artifact: string; readonly version: string }
  /** Paths that were answered. */
  readonly requests: readonly string[]
}

const wanted = { group: 'org.example.errand', artifact: 'greeting', version: '1.0' }

/** Needs a JDK. */
export async function startMavenRepository(): Promise<MavenRepository> {
  const files = packageFiles()
  const requests: string[] = []
  const server = createServer((request, response) => {
    const [path = '', digest] =
      (request.url ?? '')
        .split('/')
        .at(-1)
        ?.split(/\.(?=sha1$)/) ?? []
    const content = request.url?.startsWith('/org/example/errand/greeting/1.0/') === true ? files.get(path) : undefined
    if (content === undefined) response.writeHead(404).end()
    else {
      requests.push(request.url ?? '')
      response.end(digest === undefined ? content : createHash('sha1').update(content).digest('hex'))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    package: wanted,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function packageFiles(): ReadonlyMap<string, Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-maven-'))
  try {
    mkdirSync(join(folder, 'classes'))
    const source = join(folder, 'Greeting.java')
    writeFileSync(
      source,
      `package ${wanted.group};\npublic class Greeting {\n  public static String text() { return "greetings from a jar"; }\n}\n`,
    )
    // What every Java that Spark 3.5 runs on understands.
    execFileSync('javac', ['--release', '8', '-Xlint:-options', '-d', join(folder, 'classes'), source])
    execFileSync('jar', ['--create', '--file', join(folder, 'greeting.jar'), '-C', join(folder, 'classes'), '.'])
    const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>${wanted.group}</groupId><artifactId>${wanted.artifact}</artifactId><version>${wanted.version}</version></project>\n`
    return new Map([
      ['greeting-1.0.jar', readFileSync(join(folder, 'greeting.jar'))],
      ['greeting-1.0.pom', Buffer.from(pom)],
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
}
