import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrandError, type Host, errorCode, errorMessage } from '@errand/core'

/** `config.json` of the docker command on the user's machine, as far as it matters here. */
export interface DockerConfiguration {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>
  readonly credsStore?: string
  readonly credHelpers?: Readonly<Record<string, string>>
  /** Proxies that builds are given, by engine address or `default`. */
  readonly proxies?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Empty when there is none. Error: `ENGINE_CONFIGURATION_INVALID`. */
export async function readDockerConfiguration(home: string, variables: NodeJS.ProcessEnv = process.env): Promise<DockerConfiguration> {
  const file = join(variables['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json')
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DockerConfiguration
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return {}
    throw new ErrandError('ENGINE_CONFIGURATION_INVALID', `${file} can't be read: ${errorMessage(cause)}.`, {
      hint: 'Mend that file of Docker, or move it away and call docker login again.',
      cause,
    })
  }
}

/** What a build gets so that it finds its way through a proxy: Docker keeps these arguments out of the image's history. */
export function proxyArguments({ proxies }: DockerConfiguration): Readonly<Record<string, string>> {
  const names: Readonly<Record<string, string>> = {
    httpProxy: 'HTTP_PROXY',
    httpsProxy: 'HTTPS_PROXY',
    ftpProxy: 'FTP_PROXY',
    noProxy: 'NO_PROXY',
  }
  return Object.fromEntries(
    Object.entries(proxies?.['default'] ?? {}).flatMap(([key, value]) => {
      const name = names[key]
      return name === undefined
        ? []
        : [
            [name, value],
            [name.toLowerCase(), value],
          ]
    }),
  )
}

/** What an engine sends to a registry; never shown, never stored. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string }

/**
 * The user's login for a registry, from `docker login`: a credential helper, the credential store, or the file itself. Undefined when there is
 * none. Error: `REGISTRY_LOGIN_FAILED`, when a helper does not work.
 */
export async function registryLogin(
  client: Host,
  registry: string,
  configuration: DockerConfiguration,
  signal: AbortSignal,
): Promise<RegistryLogin | undefined> {
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
  const helper = configuration.credHelpers?.[server] ?? configuration.credHelpers?.[registry] ?? configuration.credsStore
  if (helper !== undefined) {
    const found = await askHelper(client, helper, server, signal)
    if (found !== undefined) return found
  }
  const [, entry] = Object.entries(configuration.auths ?? {}).find(([key]) => serverName(key) === serverName(server)) ?? []
  if (entry?.identitytoken !== undefined && entry.identitytoken !== '') return { identitytoken: entry.identitytoken, serveraddress: server }
  if (entry?.auth === undefined || entry.auth === '') return undefined
  const [username = '', ...password] = Buffer.from(entry.auth, 'base64').toString('utf8').replaceAll('\0', '').split(':')
  return { username, password: password.join(':'), serveraddress: server }
}

/** Old files write addresses in full: `https://registry.example/v2/`. */
const serverName = (address: string): string => address.replace(/^https?:\/\//, '').split('/')[0] ?? address

async function askHelper(client: Host, helper: string, server: string, signal: AbortSignal): Promise<RegistryLogin | undefined> {
  const program = `docker-credential-${helper}`
  const failed = (reason: string, cause?: unknown) =>
    new ErrandError('REGISTRY_LOGIN_FAILED', `The login for ${server} could not be read: ${program}: ${reason}.`, {
      hint: `Docker's config.json names that program: install it, or call docker login ${serverName(server)} again.`,
      cause,
    })
  let answer
  try {
    answer = await client.run([program, 'get'], { signal, input: `${server}\n` })
  } catch (error) {
    signal.throwIfAborted()
    throw failed(errorMessage(error), error)
  }
  const text = answer.stdout.toString('utf8').trim()
  if (answer.exitCode !== 0) {
    if (/credentials not found|no usernames|not found in native/i.test(`${text} ${answer.stderr.toString('utf8')}`)) return undefined
    throw failed(text || answer.stderr.toString('utf8').trim() || `it ended with ${answer.exitCode ?? answer.signal}`)
  }
  const { Username = '', Secret = '' } = JSON.parse(text) as { Username?: string; Secret?: string }
  if (Username === '' && Secret === '') return undefined
  return Username === '<token>'
    ? { identitytoken: Secret, serveraddress: server }
    : { username: Username, password: Secret, serveraddress: server }
}
