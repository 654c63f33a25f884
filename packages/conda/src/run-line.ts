import { credentialsSecret, filledByShell } from './image-credentials.ts'
import { quote } from './shell.ts'

/** Where things are in an image. */
export const home = '/opt/errand'
export const prefix = `${home}/environment`
export const python = `${prefix}/bin/python`
export const build = `${home}/build`
export const packagesFile = `${home}/packages.json`
/** What solvers and installers keep for a next time that an image does not have. */
const cache = '/tmp/errand-cache'
const caches = {
  RATTLER_CACHE_DIR: `${cache}/rattler`,
  CONDA_PKGS_DIRS: `${cache}/pkgs`,
  MAMBA_ROOT_PREFIX: `${cache}/mamba`,
  UV_CACHE_DIR: `${cache}/uv`,
  PIP_NO_CACHE_DIR: '1',
  PYTHONNOUSERSITE: '1',
}

/** What a line of a Dockerfile has of credentials. */
export interface LineCredentials {
  /** By the name of the shell's variable. */
  readonly credentials: Readonly<Record<string, string>>
  /** Files that the secret writes, by their path in the image. */
  readonly filled: Readonly<Record<string, string>>
}

const none: LineCredentials = { credentials: {}, filled: {} }

/** A line of a Dockerfile. One that has credentials takes out what it has written of them, before its layer is stored. */
export function runLine(commands: readonly string[], { credentials, filled }: LineCredentials = none): string {
  const variables = Object.entries(caches).map(([name, value]) => `${name}=${value}`)
  const work = [`export ${variables.join(' ')}`, ...commands]
  const names = Object.keys(credentials)
  if (names.length === 0) return `RUN ${[...work, `rm -rf ${cache}`].join(' && ')}`
  const began = '/tmp/errand-began'
  const values = names.map((name) => `"${name}=$${name}"`).join(' ')
  const all = [
    `touch ${began}`,
    `. /run/secrets/${credentialsSecret}`,
    ...work.map((command) => filledByShell(command, credentials)),
    ['rm -rf', cache, `${build}/pip/indexes.txt`, ...Object.keys(filled).map(quote)].join(' '),
    `printf '%s\\n' ${values} | ${python} ${build}/credentials/remove_credentials.py ${began}`,
    `rm ${began}`,
  ]
  return `RUN --mount=type=secret,id=${credentialsSecret},required=true ${all.join(' && ')}`
}
