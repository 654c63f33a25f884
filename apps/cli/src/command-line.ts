import type { FlagInput } from './oclif-core.ts'
import { pages } from './pages.ts'
import { type FlagShapes, joined, looseWords, optionsAmong, splitArranged, splitAtScript, splitBehindRun } from './script-words.ts'

/** Spellings of the command whose last part is a script with its own arguments. */
export const scriptCommands: readonly string[] = ['experiment submit', 'submit', 'execute start', 'execute submit']

/** Flags that may also stand before the command, and whether they take a value. */
const leadingFlags: Readonly<Record<string, boolean>> = {
  '-o': true,
  '--output': true,
  '--query': true,
  '-p': true,
  '--project': true,
  '--path': true,
  '--progress': true,
  '--quiet': false,
  '-q': false,
  '--yes': false,
  '-y': false,
  '--debug': false,
  '--verbose': false,
}

/** Those of {@link leadingFlags} that take a value. */
const globalFlags: FlagShapes = {
  output: { type: 'option', char: 'o' },
  query: { type: 'option' },
  project: { type: 'option', char: 'p', aliases: ['path'] },
  progress: { type: 'option' },
}

/**
 * Turns what a user may type into what oclif understands: `help X` becomes `X --help` or a page, a leading `ml` is dropped, flags before
 * the command go behind it, and everything from the script on is put behind a `--`, so that nothing of it is ever taken for an option of
 * ours.
 */
export async function arrangeWords(words: readonly string[]): Promise<readonly string[]> {
  const arranged = await arrange(words)
  return helpAsData(arranged) ?? arranged
}

/** Help in a format is what `commands` prints of these commands. */
function helpAsData(arranged: readonly string[]): readonly string[] | undefined {
  const { own } = splitArranged(arranged)
  if (!own.some((word) => word === '--help' || word === '-h')) return undefined
  const { values, others } = looseWords(own, globalFlags)
  const query = values['query'] === undefined ? [] : ['--query', values['query']]
  return values['output'] === undefined ? undefined : ['commands', '-o', values['output'], ...query, ...others]
}

async function arrange(words: readonly string[]): Promise<readonly string[]> {
  const { leading, rest: typed } = takeLeadingFlags(words)
  // `az ml history list` with errand in place of az, as an alias or from the file that `errand shim az` writes.
  const rest = typed[0] === 'ml' ? typed.slice(1) : typed
  if (rest[0] === 'help') {
    const isPage = pages.some((name) => name === rest[1])
    return isPage ? ['page', ...rest.slice(1), ...leading] : [...rest.slice(1), ...leading, '--help']
  }
  if (rest[0] === 'rerun') return ['rerun', ...(await rerunWords([...leading, ...rest.slice(1)]))]
  if (rest[0] === 'sweep') {
    const { splitSweepWords } = await import('./sweep-words.ts')
    return ['sweep', ...joined(splitSweepWords([...leading, ...rest.slice(1)], await sweepFlags()))]
  }
  const command = scriptCommandLength(rest)
  if (command === 0) return rest.length === 0 ? await overviewUnlessNowhere(leading) : insertFlags(rest, leading)
  return [...rest.slice(0, command), ...joined(splitAtScript([...leading, ...rest.slice(command)], await submitFlags()))]
}

/** `errand` alone says where one is; where there is no project and nothing else was said, what it can do. */
async function overviewUnlessNowhere(flags: readonly string[]): Promise<readonly string[]> {
  const { enclosingProject } = await import('@errand/core')
  return flags.length === 0 && enclosingProject('.') === undefined ? flags : ['overview', ...flags]
}

/**
 * The words of `rerun`, in which a long option of errand's that would go to the script unseen starts no run that nobody meant. Error:
 * `OPTION_BEHIND_SCRIPT`.
 */
async function rerunWords(words: readonly string[]): Promise<readonly string[]> {
  const flags = await rerunFlags()
  const split = splitBehindRun(words, flags)
  // Without arguments, and behind a `--` of the user's, nothing is lost.
  if (split === words) return words
  const theirs = split.slice(split.indexOf('--') + 1)
  const end = theirs.indexOf('--')
  const unmarked = end === -1 ? theirs : theirs.slice(0, end)
  const lost = optionsAmong(unmarked, { ...(await submitFlags()), ...flags }).find((word) => word.startsWith('--'))
  if (lost === undefined) return split
  const { ErrandError } = await import('@errand/core')
  const ours = optionsAmong([lost], flags).length > 0 ? `Put ${lost} before the run.` : `rerun has no ${lost}.`
  throw new ErrandError('OPTION_BEHIND_SCRIPT', `${lost} is errand's and would go to the script.`, {
    hint: `${ours} When the script has an option of this name, write -- before all of its arguments: errand rerun RUN -- ARGUMENTS`,
  })
}

async function rerunFlags(): Promise<FlagInput> {
  const { default: rerun } = await import('./commands/rerun.ts')
  return { ...rerun.baseFlags, ...rerun.flags }
}

async function sweepFlags(): Promise<FlagInput> {
  const { default: sweep } = await import('./commands/sweep.ts')
  return { ...sweep.baseFlags, ...sweep.flags }
}

async function submitFlags(): Promise<FlagInput> {
  const { default: submit } = await import('./commands/experiment/submit.ts')
  return { ...submit.baseFlags, ...submit.flags }
}

function scriptCommandLength(words: readonly string[]): number {
  for (const length of [2, 1]) {
    if (scriptCommands.includes(words.slice(0, length).join(' '))) return length
  }
  return scriptCommands.includes((words[0] ?? '').replace(':', ' ')) ? 1 : 0
}

/** Flags that stand before the command, with their values. */
export function takeLeadingFlags(words: readonly string[]): { leading: readonly string[]; rest: readonly string[] } {
  let index = 0
  for (; index < words.length; index += 1) {
    const [name = '', value] = (words[index] ?? '').split('=', 2)
    const valued = leadingFlags[name]
    if (valued === undefined) break
    if (valued && value === undefined) index += 1
  }
  return { leading: words.slice(0, index), rest: words.slice(index) }
}

function insertFlags(words: readonly string[], flags: readonly string[]): readonly string[] {
  const end = words.indexOf('--')
  return end === -1 ? [...words, ...flags] : [...words.slice(0, end), ...flags, ...words.slice(end)]
}
