import { ErrandError } from '@errand/core'
import { nearNames } from '@errand/core/project'
import { type FlagShapes, splitAtScript, sweepOptionsAnywhere } from './script-words.ts'

/**
 * Splits the words behind `sweep` into its own options and the script with its arguments. Behind the script only the options that a script
 * is not likely to have are its own; a `--` ends them. Any other long option of errand there, or a slip of the pen in one that counts, would
 * start runs that nobody meant. Error: `OPTION_BEHIND_SCRIPT`.
 */
export function splitSweepWords(
  words: readonly string[],
  flags: FlagShapes,
): { readonly own: readonly string[]; readonly script: readonly string[] } {
  const { own, script } = splitAtScript(words, flags)
  const mine: string[] = [...own]
  const theirs: string[] = []
  for (let index = 0; index < script.length; index += 1) {
    const word = script[index] ?? ''
    if (word === '--') return { own: mine, script: [...theirs, ...script.slice(index + 1)] }
    const [, name = '', value] = /^--([\w-]+)(=.*)?$/s.exec(word) ?? []
    if (!sweepOptionsAnywhere.includes(name)) {
      refuseLost(name, flags)
      theirs.push(word)
    } else if (value !== undefined) mine.push(word)
    else mine.push(word, ...script.slice(++index, index + 1))
  }
  return { own: mine, script: theirs }
}

function refuseLost(name: string, flags: FlagShapes): void {
  const orScripts = 'When the script has an option of this name, write it behind --, at the end.'
  if (Object.entries(flags).some(([own, { aliases = [] }]) => [own, ...aliases].includes(name)))
    throw new ErrandError('OPTION_BEHIND_SCRIPT', `--${name} is errand's and stands behind the script.`, {
      hint: `Put --${name} before the script. ${orScripts}`,
    })
  const meant = nearNames(name, sweepOptionsAnywhere).find((option) => isSlip(name, option))
  if (meant !== undefined)
    throw new ErrandError('OPTION_BEHIND_SCRIPT', `--${name} is no option of a sweep.`, { hint: `Did you mean --${meant}? ${orScripts}` })
}

/** Of a short name only what has all its letters, or one more or less, is a slip: --test and --bert are names of their own. */
function isSlip(name: string, option: string): boolean {
  const letters = (text: string): string => text.split('').toSorted().join('')
  if (name[0] !== option[0] || Math.abs(name.length - option.length) > 1) return false
  return option.length > 4 || name.length !== option.length || letters(name) === letters(option)
}
