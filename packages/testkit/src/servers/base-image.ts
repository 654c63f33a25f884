import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { bringDebianPackages, packageFiles, withDependencies } from './debian-packages.ts'

/** An image that is made of the packages of this machine, so that no registry is needed. */
export interface BaseImage {
  /** Changes when the content would. */
  readonly tag: string
  readonly changes: readonly string[]
  /** A tar file. */
  content(): Readable
}

/** Sorts of base images: one with Python as `python:3-slim` has it, one without, one with Java for Spark. */
export type BaseImageName = 'python' | 'bare' | 'java'

const shell = [
  'base-files',
  'bash',
  'coreutils',
  'dash',
  'findutils',
  'grep',
  'gzip',
  'hostname',
  'libc-bin',
  'mawk',
  'netbase',
  'procps',
  'sed',
  'tar',
]
const python = [...shell, 'ca-certificates', 'openssl', 'python3', 'python3-venv', 'libstdc++6']
const packagesOf: Readonly<Record<BaseImageName, readonly string[]>> = {
  bare: shell,
  python,
  java: [...python, 'default-jre-headless'],
}

/** They belong to an installed system, not to an image. */
const leftOut = [
  'adduser',
  'apt',
  'base-passwd',
  'cdebconf',
  'debconf',
  'debianutils',
  'dpkg',
  'init-system-helpers',
  'libdebconfclient0',
  'libpam-modules',
  'libpam-runtime',
  'login',
  'mount',
  'passwd',
  'perl-base',
  'usr-is-merged',
  'util-linux',
]

const notNeeded =
  /^\/usr\/share\/(doc|man|locale|info|lintian|bug|i18n|zoneinfo)(\/|$)|^\/usr\/lib\/[^/]+\/gconv\/|\.pyc$|^\/usr\/lib\/python3\/dist-packages\/./
const alsoNeeded = [
  'passwd',
  'group',
  'nsswitch.conf',
  'ld.so.conf',
  'ld.so.cache',
  'ssl/certs/ca-certificates.crt',
  'alternatives/awk',
].map((name) => `/etc/${name}`)
const folders = ['/bin', '/sbin', '/lib', '/lib64', '/tmp', '/var/tmp', '/root', '/home', '/opt', '/usr/bin/awk']
/** Programs of Debian that a chain of links leads to. */
const linked = ['/usr/bin/java', '/etc/alternatives/java', '/etc/ssl/certs/java', '/etc/ssl/certs/java/cacerts']

/** Package traffic may be signed by an authority that only this machine knows: its bundle is in the image, and pip, uv and others use it. */
const authorities = '/etc/ssl/certs/ca-certificates.crt'
const environment = [
  `PIP_CERT=${authorities}`,
  `SSL_CERT_FILE=${authorities}`,
  `REQUESTS_CA_BUNDLE=${authorities}`,
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'LANG=C.UTF-8',
]

/** Describes an image; packages that this machine lacks are installed. */
export function baseImage(name: BaseImageName): BaseImage {
  const wanted = packagesOf[name]
  bringDebianPackages(wanted)
  const packages = withDependencies(wanted, leftOut)
  const versions = packages.map((item) => `${item.name} ${item.version}`)
  const digest = createHash('sha256')
    .update([...versions, ...environment].join('\n'))
    .digest('hex')
  return {
    tag: `errand-test/${name}:${digest.slice(0, 12)}`,
    changes: [...environment.map((line) => `ENV ${line}`), 'CMD ["/bin/sh"]'],
    content: () => archive([...packageFiles(packages), ...alsoNeeded, ...folders, ...(name === 'java' ? linked : [])]),
  }
}

function archive(paths: readonly string[]): Readable {
  const files = new Set([...paths, ...globSync('/lib{x32,32}')].filter((path) => !notNeeded.test(path) && existsSync(path)))
  const list = [...files].toSorted().map((path) => path.slice(1))
  const child = spawn('tar', ['--create', '--no-recursion', '--mtime=@0', '--directory=/', '--null', '--files-from=-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(list.join('\0'))
  return child.stdout
}
