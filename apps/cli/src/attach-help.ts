import type { Command } from './oclif-core.ts'
import { errorCode } from '@errand/core'
import { flagsOf } from './attach-flags.ts'
import { targetRoots } from './target-roots.ts'

/** The help of `computetarget attach` with the options of the type that the words name; without one, as it is. */
export async function attachHelp(command: Command.Loadable, words: readonly string[], dataDirectory: string): Promise<Command.Loadable> {
  const [{ attachType, attachableType }, { installedTargets, openTargetCatalogue }] = await Promise.all([
    import('@errand/core/project'),
    import('@errand/core/targets'),
  ])
  const roots = targetRoots(dataDirectory)
  const installed = (await installedTargets(roots)).targets.map(({ type }) => type)
  const word = words.slice(words[0]?.includes(':') === true ? 1 : 2).find((candidate) => !candidate.startsWith('-'))
  if (word === undefined) return command
  const type = attachType(word, installed)
  const definition = await openTargetCatalogue(roots)
    .definition(type)
    .catch((error: unknown) => {
      if (errorCode(error) === 'TARGET_TYPE_NOT_INSTALLED') return undefined
      throw error
    })
  const own = Object.entries(flagsOf(attachableType(type, definition))).map(([name, flag]) => [name, { ...flag, name }])
  const global = Object.entries(command.flags).filter(([, flag]) => flag.helpGroup === 'GLOBAL')
  return {
    ...command,
    description: `Of the type ${type}: ${definition?.summary ?? 'not installed; these are the options of the original.'}\n\n${command.description ?? ''}`,
    usage: `computetarget attach ${word} --name NAME …`,
    flags: Object.fromEntries([...own, ...global]),
  }
}
