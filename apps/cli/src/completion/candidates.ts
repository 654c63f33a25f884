import { takeLeadingFlags } from '../command-line.ts'
import { pages } from '../pages.ts'
import { type Manifest, type ManifestCommand, type ManifestFlag, commandOf } from '../manifest.ts'
import { sweepOptionsAnywhere } from '../script-words.ts'

/** Something that may stand where the cursor is. */
export interface Candidate {
  readonly value: string
  readonly description?: string
}

/** What is known only where the command line is used. Each is asked at most once, and only when it is needed. */
export interface Sources {
  runConfigurations(): readonly Candidate[]
  targets(): readonly Candidate[]
  types(): readonly Candidate[]
  /** Newest first. */
  runs(): Promise<readonly Candidate[]>
}

/** The shell completes names of files or of folders itself. */
export type Completion = readonly Candidate[] | 'files' | 'directories'

/** Where the values of an option or argument come from, by its name; `COMMAND name` goes before `name`. */
const values: Readonly<Record<string, keyof Sources | 'files' | 'directories' | 'states'>> = {
  'run-configuration': 'runConfigurations',
  'runconfiguration:delete name': 'runConfigurations',
  target: 'targets',
  'computetarget:show name': 'targets',
  'computetarget:check name': 'targets',
  'computetarget:detach name': 'targets',
  run: 'runs',
  runs: 'runs',
  type: 'types',
  project: 'directories',
  directory: 'directories',
  into: 'directories',
  to: 'directories',
  'history:download destination': 'directories',
  'conda-dependencies': 'files',
  'spark-dependencies': 'files',
  'private-key-file': 'files',
  'experiment:diagnostics destination': 'files',
  'history:list status': 'states',
}

const states: readonly Candidate[] = ['completed', 'canceled', 'failed', 'running', 'notstarted'].map((value) => ({ value }))

/** The words that end with a script and its arguments. */
const scriptCommand = 'experiment:submit'

/** Behind its script a few of its options still count. */
const sweepCommand = 'sweep'

/** What may stand in place of the last of the words, which may be empty or the beginning of something. */
export async function candidatesFor(words: readonly string[], manifest: Manifest, sources: Sources): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const { leading, rest } = takeLeadingFlags(words.slice(0, -1))
  // Before the command there are the options that every command has: those of `overview` are no others.
  const open = leading.length > 0 && rest.length === 0 ? placeOf(leading, manifest.commands['overview']) : undefined
  if (open?.kind === 'value') return beginning(await valuesOf('overview', open.name, open.flag, sources), current)
  return beginning(await offeredAt(rest, current, manifest, sources), current)
}

function beginning(offered: Completion, current: string): Completion {
  if (typeof offered === 'string') return offered
  return offered.filter(({ value }) => value.startsWith(current))
}

async function offeredAt(before: readonly string[], current: string, manifest: Manifest, sources: Sources): Promise<Completion> {
  if (before[0] === 'help') {
    const rest = commandWords(before.slice(1), manifest)
    return before.length === 1 ? [...rest, ...pages.map((value) => ({ value, description: 'a page' }))] : rest
  }
  const { command, length } = commandOf(before, manifest) ?? {}
  // `history` alone is the beginning of commands; `targets` is one.
  if (command === undefined || length === undefined) {
    const global = manifest.commands['overview']
    return before.length === 0 && current.startsWith('-') && global !== undefined ? optionsOf(global, []) : commandWords(before, manifest)
  }
  const place = placeOf(before.slice(length), command)
  if (place.kind === 'script') return 'files'
  if (place.kind === 'value') return valuesOf(command.id, place.name, place.flag, sources)
  const here = command.id === sweepCommand && place.positionals > 0 ? behindScript(command) : command
  const assigned = /^(--[^=]+=)(.*)$/.exec(current)
  if (assigned !== null) return assignedValues(assigned[1] ?? '', here, sources)
  if (current.startsWith('-')) return optionsOf(here, before)
  const positional = await positionalValues(command, place.positionals, sources)
  const deeper = commandWords(before, manifest)
  return positional.length === 0 && deeper.length > 0 ? deeper : positional
}

/** Next words of commands that begin with these: names of commands and of what holds several. */
function commandWords(before: readonly string[], manifest: Manifest): readonly Candidate[] {
  const next = new Map<string, string>()
  for (const command of Object.values(manifest.commands)) {
    if (command.hidden === true) continue
    for (const id of [command.id, ...command.aliases]) {
      const words = id.split(':')
      const word = words[before.length]
      if (word === undefined || before.some((one, index) => one !== words[index])) continue
      const isWhole = words.length === before.length + 1
      if (isWhole || !next.has(word)) next.set(word, isWhole ? (command.summary ?? '') : `${words.slice(0, before.length + 1).join(' ')} …`)
    }
  }
  return [...next].map(([value, description]) => ({ value, description })).toSorted((a, b) => (a.value < b.value ? -1 : 1))
}

type Place =
  | { readonly kind: 'value'; readonly name: string; readonly flag: ManifestFlag }
  | { readonly kind: 'script' }
  | { readonly kind: 'word'; readonly positionals: number }

/** What the words behind the command leave open. */
function placeOf(words: readonly string[], command: ManifestCommand | undefined): Place {
  let positionals = 0
  if (command === undefined) return { kind: 'word', positionals }
  let known = command
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--' && command.id === sweepCommand) return { kind: 'script' }
    if (!word.startsWith('-')) {
      if (command.id === scriptCommand) return { kind: 'script' }
      positionals += 1
      if (command.id === sweepCommand) known = behindScript(command)
      continue
    }
    const found = flagOf(word, known)
    if (found === undefined || found.flag.type === 'boolean' || word.includes('=')) continue
    index += 1
    if (index === words.length) return { kind: 'value', ...found }
  }
  return { kind: 'word', positionals }
}

/** A sweep with the options that count behind its script, and no others. */
function behindScript(command: ManifestCommand): ManifestCommand {
  return { ...command, flags: Object.fromEntries(Object.entries(command.flags).filter(([name]) => sweepOptionsAnywhere.includes(name))) }
}

function flagOf(word: string, command: ManifestCommand): { readonly name: string; readonly flag: ManifestFlag } | undefined {
  const typed = word.split('=', 1)[0] ?? ''
  const entry = Object.entries(command.flags).find(([name, { char, aliases = [] }]) =>
    typed.startsWith('--') ? [name, ...aliases].includes(typed.slice(2)) : char !== undefined && typed.endsWith(char),
  )
  return entry === undefined ? undefined : { name: entry[0], flag: entry[1] }
}

function optionsOf(command: ManifestCommand, before: readonly string[]): readonly Candidate[] {
  const given = new Set(before.filter((word) => word.startsWith('-')).map((word) => flagOf(word, command)?.name))
  return Object.entries(command.flags)
    .filter(([name, flag]) => flag.hidden !== true && (flag.multiple === true || !given.has(name)))
    .map(([name, flag]) => ({ value: `--${name}`, description: flag.summary ?? '' }))
}

async function assignedValues(prefix: string, command: ManifestCommand, sources: Sources): Promise<Completion> {
  const found = flagOf(prefix, command)
  if (found === undefined) return []
  const offered = await valuesOf(command.id, found.name, found.flag, sources)
  return typeof offered === 'string' ? offered : offered.map(({ value, description = '' }) => ({ value: prefix + value, description }))
}

async function positionalValues(command: ManifestCommand, index: number, sources: Sources): Promise<Completion> {
  if (command.id === scriptCommand || command.id === sweepCommand) return 'files'
  // Its runs are read as they come, without names of their own.
  if (command.id === 'history:compare') return valuesOf(command.id, 'run', {}, sources)
  const parameters = Object.entries(command.args)
  const [name, parameter] = parameters[index] ?? parameters.findLast(([, { multiple }]) => multiple === true) ?? []
  return name === undefined ? [] : valuesOf(command.id, name, parameter ?? {}, sources)
}

async function valuesOf(
  id: string,
  name: string,
  { options }: { readonly options?: readonly string[] },
  sources: Sources,
): Promise<Completion> {
  if (options !== undefined) return options.map((value) => ({ value }))
  const source = values[`${id} ${name}`] ?? values[name]
  if (source === undefined) return []
  if (source === 'files' || source === 'directories') return source
  return source === 'states' ? states : sources[source]()
}
