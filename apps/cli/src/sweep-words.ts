import { type FlagShapes, splitAtScript } from './command-line.ts'

/** Options of a sweep that may also stand behind the script, where a user who adds them to a submit puts them. */
const anywhere = new Set(['each', 'random', 'parallel', 'stop-after', 'best'])

/**
 * Splits the words behind `sweep` into its own options and the script with its arguments. Behind the script only the options that a script
 * is not likely to have are its own; a `--` ends them.
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
    const [, name = '', value] = /^--([a-z-]+)(=.*)?$/s.exec(word) ?? []
    if (!anywhere.has(name)) theirs.push(word)
    else if (value !== undefined) mine.push(word)
    else mine.push(word, ...script.slice(++index, index + 1))
  }
  return { own: mine, script: theirs }
}
