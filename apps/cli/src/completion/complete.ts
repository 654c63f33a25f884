import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, readManifest } from '../manifest.ts'
import { targetRoots } from '../target-roots.ts'
import { type Candidate, type Sources, candidatesFor } from './candidates.ts'
import { pluginCommands, pluginDirectory } from './plugins.ts'

/** Runs that are offered: those of the last while, and enough for a beginning to find one among them. */
const recentRuns = 200
const offeredRuns = 30

/**
 * Answers a shell: `words` are those behind `errand` up to the cursor, the last one being completed. One candidate a line, a tab and its
 * description behind it; `:files` and `:directories` leave it to the shell. Whatever is wrong, nothing is offered and nothing said.
 */
export async function complete([shell = '', ...typed]: readonly string[]): Promise<void> {
  try {
    const words = wordsFrom(shell, typed)
    const sources = await sourcesIn(projectNamed(words) ?? (await projectAround()), words)
    const completion = await candidatesFor(words, manifestWithPlugins(), sources)
    const lines = typeof completion === 'string' ? [`:${completion}`] : completion.map((candidate) => lineOf(shell, words, candidate))
    process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  } catch {
    // A message would land in the middle of what somebody types.
  }
}

/** bash makes three words of `--flag=value`; PowerShell drops empty words, so that its last one begins with an `=`. */
function wordsFrom(shell: string, typed: readonly string[]): readonly string[] {
  if (shell === 'powershell') return [...typed.slice(0, -1), (typed.at(-1) ?? '').replace(/^=/, '')]
  if (shell !== 'bash') return typed
  const words: string[] = []
  for (let index = 0; index < typed.length; index++) {
    const word = typed[index] ?? ''
    if (word === '=' && words.at(-1)?.startsWith('--') === true) words.push(`${words.pop()}=${typed[++index] ?? ''}`)
    else words.push(word)
  }
  return words
}

function lineOf(shell: string, words: readonly string[], { value, description = '' }: Candidate): string {
  const prefix = shell === 'bash' ? (/^--[^=]+=/.exec(words.at(-1) ?? '')?.[0] ?? '') : ''
  return `${value.slice(prefix.length)}\t${description.replaceAll(/\s+/g, ' ')}`
}

function projectNamed(words: readonly string[]): string | undefined {
  const index = words.findLastIndex((word) => ['-p', '--project', '--path'].includes(word))
  const assigned = words.findLast((word) => /^--(project|path)=/.test(word))
  return index === -1 ? assigned?.replace(/^[^=]*=/, '') : words[index + 1]
}

/** Looked for upwards only where it is not the current folder: that takes longer to load than to do. */
async function projectAround(): Promise<string> {
  return existsSync('aml_config') ? '.' : (await import('../project-here.ts')).projectHere().directory
}

/** A plugin takes no command of errand's own. */
function manifestWithPlugins(): Manifest {
  const own = readManifest()
  return { ...own, commands: { ...pluginCommands(pluginDirectory()), ...own.commands } }
}

/** Beside the types that errand brings those of the user's plugins: looked for where a type is to stand. */
async function typesOfPlugins(): Promise<readonly string[]> {
  const { installedTargets } = await import('@errand/core/targets')
  const { targets } = await installedTargets(targetRoots(pluginDirectory()))
  return targets.filter(({ origin }) => origin !== 'built-in').map(({ type }) => type)
}

async function sourcesIn(project: string, words: readonly string[]): Promise<Sources> {
  const current = words.at(-1) ?? ''
  const more = words.includes('attach') ? await typesOfPlugins() : []
  const named = (ending: string): Candidate[] =>
    ['aml_config', '.azureml'].flatMap((folder) =>
      namesIn(join(project, folder)).flatMap((name) => (name.endsWith(ending) ? [{ value: name.slice(0, -ending.length) }] : [])),
    )
  return {
    runConfigurations: () => named('.runconfig'),
    targets: () => [...new Map([{ value: 'local' }, ...named('.compute')].map((target) => [target.value, target])).values()],
    types: () => [...new Set(['local', 'docker', 'remote', 'remotedocker', 'cluster', ...more])].map((value) => ({ value })),
    async runs() {
      const { openHistoryIfPresent } = await import('@errand/core/history')
      using history = openHistoryIfPresent(project)
      const runs = history?.list({ limit: recentRuns }) ?? []
      const begun = runs.filter(({ id }) => id.startsWith(current.replace(/^--[^=]+=/, ''))).slice(0, offeredRuns)
      const last = runs.length === 0 ? [] : [{ value: 'last', description: 'the newest run' }]
      return [...last, ...begun.map(({ id, state, script }) => ({ value: id, description: `${state} ${script ?? '(prepare)'}` }))]
    },
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
