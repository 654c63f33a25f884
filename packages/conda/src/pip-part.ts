import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type EnvironmentLock, type SnapshotFile, dropCredentials } from '@errand/core'
import type { EnvironmentContent } from './content.ts'
import { gitLogins } from './git-logins.ts'
import { locator, lockedPip, lockedText, pipItselfOf } from './locked-requirements.ts'
import { optional } from './optional.ts'
import { type OriginsStep, originsStep } from './origins-step.ts'
import { optionLines, pipArguments, pipVariables, requirementsText, uvArguments, uvKnows } from './pip-options.ts'
import type { Making, Step } from './step.ts'
import { type Uv, cacheless, oldestForUv, uvEnvironment } from './uv.ts'
import { uvLockPart } from './uv-lock-part.ts'

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
  /** The `pip` of a conda part, as a requirement, where the list has indexes of its own alone: they need not have it. */
  readonly pipItself?: string
}

/** Steps for the pip section: through uv where it means the same, else through pip. None when there is nothing to install. */
export function pipPart(part: PipPart): Making & { readonly origins?: OriginsStep } {
  const { content, uv, lock, folder } = part
  if (content.uvLock !== undefined && uv !== undefined && lock === undefined) return uvLockPart(part, content.uvLock, uv)
  const git = gitLogins(content, folder)
  const made = listPart({ ...part, content: git.content })
  const withGit = (step: Step): Step => ({
    ...step,
    environment: { ...step.environment, ...git.environment },
    ...optional('otherwise', step.otherwise === undefined ? undefined : withGit(step.otherwise)),
  })
  return made.steps.length === 0 ? made : { ...made, files: { ...made.files, ...git.files }, steps: made.steps.map(withGit) }
}

function listPart(part: PipPart): Making & { readonly origins?: OriginsStep } {
  const { content, folder, uv, lock } = part
  const textFor = (tool: 'pip' | 'uv') =>
    lock === undefined ? requirementsText(content, tool, locator(part)) : lockedText(part, lock, tool)
  const pipText = textFor('pip')
  const hasList = (lock === undefined ? content.pip : lockedPip(part, lock)).length > 0 || /^-(r|e|-requirement|-editable) /m.test(pipText)
  const itself = pipItselfOf(part)
  if (!hasList && itself === undefined) return { files: {}, steps: [], tools: {} }
  const files = { 'requirements.txt': pipText, ...quietFiles(content) }
  const pip = pipStep(part)
  if (uv === undefined) return { files, steps: [pip], tools: {} }
  const tools: Making['tools'] = uv.tool === undefined ? {} : { uv: uv.tool }
  const options = indexLines(part)
  const filesOfUv = { 'frozen.txt': options, ...(itself === undefined ? {} : { [itselfFile]: `${options}${itself}\n` }) }
  if (!uvKnows(content.pipOptions))
    return part.withoutPip === true
      ? { files: { ...files, ...filesOfUv }, steps: [bringPip(part, uv, itself), pip], tools }
      : { files, steps: [pip], tools: {} }
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
  return {
    files: { ...files, 'requirements-uv.txt': textFor('uv'), ...filesOfUv },
    steps: [...(itself === undefined ? [] : [bringPip(part, uv, itself)]), ...(hasList ? [step] : [])],
    tools,
    origins: { ...originsStep(part, uv), ...(itself === undefined ? {} : { without: ['pip'] }) },
  }
}

/** The options that say where packages come from, as lines of a requirements file. */
const indexLines = (part: PipPart): string =>
  optionLines(part.content.pipOptions, 'uv', locator(part))
    .filter((line) => /^--(index|extra|find|no-index)/.test(line))
    .map((line) => `${line}\n`)
    .join('')

const itselfFile = 'pip-itself.txt'

/** pip from the indexes of the list, where these are all that it has; one without pip sends uv to the index that the place uses for everything. */
function bringPip({ content, folder, prefix }: PipPart, uv: Uv, itself: string | undefined): Step {
  const install = (...what: readonly string[]): Step => ({
    title: `bringing pip with uv ${uv.version}`,
    command: [...uv.command, 'pip', 'install', '--python', `${prefix}/bin/python`, ...what],
    environment: { ...uvEnvironment(uv.version), ...cacheless(content) },
    cwd: folder,
    tool: 'uv',
  })
  const elsewhere: Step = { ...install(itself ?? 'pip'), withoutList: true }
  return itself === undefined
    ? elsewhere
    : { ...install('-r', `${folder}/${itselfFile}`, ...uvArguments(content.pipOptions)), orElse: elsewhere }
}

function pipStep({ content, folder, prefix, lock, uv }: PipPart): Step {
  const pip = hasClosedIndex(content) ? [`${folder}/${quietPip}`] : ['-m', 'pip']
  const install = [`${prefix}/bin/python`, ...pip, 'install', '--no-input', '--disable-pip-version-check']
  const rest = ['-r', `${folder}/requirements.txt`, ...(lock === undefined ? [] : ['--no-deps']), ...pipArguments(content.pipOptions)]
  const title = `installing the pip section with pip${uv === undefined || uvKnows(content.pipOptions) ? '' : ' (uv lacks one of its options)'}`
  // A pip that knows no reports does not look at the variable.
  const environment = { PIP_REPORT: `${folder}/pip-report.json`, ...pipVariables(content.pipOptions), ...cacheless(content) }
  return { title, command: [...install, ...rest], environment, cwd: folder }
}

const quietPip = 'quiet_pip.py'
/** A list that this one names can have one too. */
const hasClosedIndex = ({ pipOptions }: EnvironmentContent): boolean =>
  pipOptions.some(({ name, value = '' }) => name === '--requirement' || dropCredentials(value) !== value)

/** What pip reads. The second is written while it runs, and removed with the others. */
const quietFiles = (content: EnvironmentContent): Making['files'] =>
  hasClosedIndex(content)
    ? { [quietPip]: readFileSync(fileURLToPath(new URL(`../python/${quietPip}`, import.meta.url)), 'utf8'), 'indexes.txt': '' }
    : {}
