import { type EnvironmentLock, ErrandError, type SnapshotFile, dropCredentials, replaceCredentials } from '@errand/core'
import type { EnvironmentContent, UvLock } from './content.ts'
import { optionLines, pipArguments, pipVariables, requirementsText, uvArguments, uvKnows } from './pip-options.ts'
import { compareVersions } from './python-version.ts'
import type { Making, Step, Tool } from './step.ts'

/** How uv is called at the place, and the tool to be made before, unless the place has its own. */
export interface Uv {
  readonly command: readonly string[]
  readonly version: string
  readonly tool?: Tool
}

export interface PipPart {
  readonly content: EnvironmentContent
  /** Folder of the environment's files; `prefix` is the environment. */
  readonly folder: string
  readonly prefix: string
  readonly uv?: Uv
  readonly lock?: EnvironmentLock
  /** Where the place has a file of the project that the list names. */
  readonly locate: (file: SnapshotFile) => string
  /** The environment is one of uv, which has no pip of its own. */
  readonly withoutPip?: boolean
}

/** Python versions that uv still installs for. */
const oldestForUv = [3, 8] as const
/** Certificates of the system count, as they do for pip. */
function uvEnvironment(version: string): Readonly<Record<string, string>> {
  const certificates = compareVersions(version, '0.11') < 0 ? 'UV_NATIVE_TLS' : 'UV_SYSTEM_CERTS'
  return { UV_PYTHON_DOWNLOADS: 'never', UV_NO_PROGRESS: '1', [certificates]: 'true' }
}

/** What uv and pip keep for a next time, which users of the place have in common with everything else of theirs, would have the address as it is. */
const cacheless = ({ pip, pipOptions }: EnvironmentContent): Readonly<Record<string, string>> =>
  [...pip, ...pipOptions.map(({ value = '' }) => value)].some(holdsQuery) ? { UV_NO_CACHE: '1', PIP_NO_CACHE_DIR: '1' } : {}

function holdsQuery(text: string): boolean {
  const kinds = new Set<string>()
  replaceCredentials(text, ({ kind }) => (kinds.add(kind), ''))
  return kinds.has('query')
}

/** Steps for the pip section: through uv where it means the same, else through pip. None when there is nothing to install. */
export function pipPart(part: PipPart): Making & { readonly origins?: OriginsStep } {
  const { content, folder, uv, lock } = part
  if (content.uvLock !== undefined && uv !== undefined && lock === undefined) return uvLockPart(part, content.uvLock, uv)
  const pipText = lock === undefined ? requirementsText(content, 'pip', locator(part)) : lockedText(part, lock, 'pip')
  if ((lock === undefined ? content.pip.length : lockedPip(lock).length) === 0 && !/^-(r|e|-requirement|-editable) /m.test(pipText))
    return { files: {}, steps: [], tools: {} }
  const files = { 'requirements.txt': pipText }
  const pip = pipStep(part)
  if (uv === undefined) return { files, steps: [pip], tools: {} }
  const tools: Making['tools'] = uv.tool === undefined ? {} : { uv: uv.tool }
  if (!uvKnows(content.pipOptions))
    return part.withoutPip === true ? { files, steps: [bringPip(part, uv), pip], tools } : { files, steps: [pip], tools: {} }
  const uvText = lock === undefined ? requirementsText(content, 'uv', locator(part)) : lockedText(part, lock, 'uv')
  const step: Step = {
    title: `installing the pip section with uv ${uv.version}`,
    command: [
      ...uv.command,
      'pip',
      'install',
      '--python',
      `${part.prefix}/bin/python`,
      '--break-system-packages',
      '-r',
      `${folder}/requirements-uv.txt`,
      ...(lock === undefined ? [] : ['--no-deps']),
      ...uvArguments(content.pipOptions),
    ],
    environment: { ...uvEnvironment(uv.version), ...cacheless(content) },
    cwd: folder,
    tool: 'uv',
    minimumPython: oldestForUv,
    otherwise: pip,
  }
  const options = optionLines(content.pipOptions, 'uv', locator(part)).filter((line) => /^--(index|extra|find|no-index)/.test(line))
  return {
    files: { ...files, 'requirements-uv.txt': uvText, 'frozen.txt': options.map((line) => `${line}\n`).join('') },
    steps: [step],
    tools,
    origins: originsStep(part, uv),
  }
}

/** What a `uv.lock` has for this Python and platform, and nothing else: uv reads no more of the project than its name. */
function uvLockPart(part: PipPart, { path, name, requires, without }: UvLock, uv: Uv): Making & { readonly origins?: OriginsStep } {
  const { content, folder, prefix } = part
  const file = content.localFiles.find((local) => local.path === path)
  if (file === undefined) throw new ErrandError('LOCK_FILE_MISSING', `${path} was not stored with the request.`, { hint: 'Submit again.' })
  const python = requires === '' ? '' : `requires-python = ${JSON.stringify(requires)}\n`
  const environment = { ...uvEnvironment(uv.version), UV_PROJECT_ENVIRONMENT: prefix }
  const title = `installing what ${path} locks with uv ${uv.version}`
  const skipped = without.flatMap((item) => ['--no-install-package', item])
  const flags = [
    '--frozen',
    '--no-dev',
    '--no-install-project',
    '--no-config',
    '--project',
    `${folder}/project`,
    '--python',
    `${prefix}/bin/python`,
  ]
  return {
    files: {
      'project/pyproject.toml': `[project]\nname = ${JSON.stringify(name)}\nversion = "0"\n${python}`,
      'project/uv.lock': '',
      'frozen.txt': '',
    },
    steps: [
      { title: `reading ${path}`, command: ['cp', part.locate(file), `${folder}/project/uv.lock`] },
      {
        title,
        command: [...uv.command, 'sync', ...flags, ...skipped],
        environment,
        cwd: folder,
        tool: 'uv',
      },
    ],
    tools: uv.tool === undefined ? {} : { uv: uv.tool },
    origins: originsStep(part, uv),
  }
}

function bringPip({ folder, prefix }: PipPart, uv: Uv): Step {
  return {
    title: `bringing pip with uv ${uv.version}`,
    command: [...uv.command, 'pip', 'install', '--python', `${prefix}/bin/python`, 'pip'],
    environment: uvEnvironment(uv.version),
    cwd: folder,
    tool: 'uv',
  }
}

function pipStep({ content, folder, prefix, lock, uv }: PipPart): Step {
  const install = [`${prefix}/bin/python`, '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check']
  const rest = ['-r', `${folder}/requirements.txt`, ...(lock === undefined ? [] : ['--no-deps']), ...pipArguments(content.pipOptions)]
  const title = `installing the pip section with pip${uv === undefined || uvKnows(content.pipOptions) ? '' : ' (uv lacks one of its options)'}`
  // A pip that knows no reports does not look at the variable.
  const environment = { PIP_REPORT: `${folder}/pip-report.json`, ...pipVariables(content.pipOptions), ...cacheless(content) }
  return { title, command: [...install, ...rest], environment, cwd: folder }
}

/** Asks uv for address and hash of what it installed; the place adds `name==version` lines to `input` first. */
export interface OriginsStep extends Step {
  readonly input: string
  readonly output: string
}

function originsStep({ content, folder, prefix }: PipPart, uv: Uv): OriginsStep {
  const input = `${folder}/frozen.txt`
  const output = `${folder}/pylock.toml`
  return {
    title: 'noting where the packages came from',
    command: [
      ...uv.command,
      'pip',
      'compile',
      '--quiet',
      '--no-deps',
      '--format',
      'pylock.toml',
      '--python',
      `${prefix}/bin/python`,
      input,
      '-o',
      output,
    ],
    environment: { ...uvEnvironment(uv.version), ...cacheless(content) },
    cwd: folder,
    tool: 'uv',
    minimumPython: oldestForUv,
    input,
    output,
  }
}

/** Turns a path of the project, as the list writes it, into that of the file at the place. */
function locator({ content, locate }: PipPart): (text: string) => string {
  const files = new Map(content.localFiles.map((file) => [file.path, file]))
  return (text) => {
    const [, path = text, extras = ''] = /^(.*?)(\[[^\]]*\])?$/.exec(text) ?? []
    const file = files.get(projectPath(path))
    return file === undefined ? text : `${locate(file)}${extras}`
  }
}

const projectPath = (path: string): string => path.replaceAll('\\', '/').replace(/^(\.\/+)+/, '')

const lockedPip = (lock: EnvironmentLock) => lock.packages.filter(({ name, build }) => build === undefined && name !== 'python')

/** Requirements that have the packages of a lock and nothing else. */
function lockedText(part: PipPart, lock: EnvironmentLock, tool: 'pip' | 'uv'): string {
  const asked = new Map(part.content.pip.flatMap(addressesOf).map((address) => [dropCredentials(address), address]))
  const lines = lockedPip(lock).map((item) => {
    if (item.url?.startsWith('./') === true) return localLine(part, item)
    const hash = item.hash === undefined ? '' : `#${item.hash.replace(':', '=')}`
    return item.url === undefined ? `${item.name}==${item.version}` : `${item.name} @ ${asked.get(item.url) ?? item.url}${hash}`
  })
  return [...optionLines(part.content.pipOptions, tool, locator(part)), ...lines].map((line) => `${line}\n`).join('')
}

/** A lock has none of the credentials that the file has. */
const addressesOf = (requirement: string): readonly string[] => requirement.match(/[A-Za-z][\w+.-]*:\/\/[^\s#]+/g) ?? []

function localLine({ content, locate }: PipPart, { name, url, hash }: EnvironmentLock['packages'][number]): string {
  const file = content.localFiles.find(({ digest }) => digest === hash)
  if (file !== undefined) return locate(file)
  throw new ErrandError(
    'LOCK_FILE_MISSING',
    `The lock wants ${name} from ${url ?? 'a file'} (${hash ?? 'no digest'}), which ${content.file} does not name.`,
    {
      hint: 'Put that file back into the project, or prepare without the lock.',
    },
  )
}
