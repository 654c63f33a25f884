/** Options of a sweep that may also stand behind the script, where a user who adds them to a submit puts them. */
export const sweepOptionsAnywhere: readonly string[] = ['each', 'random', 'parallel', 'stop-after', 'best']

/** The part of a flag definition that says how many words it takes. */
export type FlagShapes = Readonly<
  Record<
    string,
    {
      readonly type: 'boolean' | 'option'
      readonly char?: string
      readonly aliases?: readonly string[]
      readonly charAliases?: readonly string[]
    }
  >
>

/** The words behind a command, taken apart at its script. */
export interface SplitWords {
  readonly own: readonly string[]
  /** The script with its arguments. */
  readonly script: readonly string[]
}

/** With a `--` in front of the script, where there is one. */
export function joined({ own, script }: SplitWords): readonly string[] {
  return [...own, ...(script.length === 0 ? [] : ['--', ...script])]
}

/** The words behind a command that `arrangeWords` has arranged. */
export function splitArranged(words: readonly string[]): SplitWords {
  const separator = words.indexOf('--')
  return separator === -1 ? { own: words, script: [] } : { own: words.slice(0, separator), script: words.slice(separator + 1) }
}

/** Splits the words behind `submit` into its own options and the script with its arguments. A `--` of the user's ends the options. */
export function splitAtScript(words: readonly string[], flags: FlagShapes): SplitWords {
  const takesValue = valueTaker(flags)
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (word === '--') return { own: words.slice(0, index), script: words.slice(index + 1) }
    if (!word.startsWith('-') || word === '-') return { own: words.slice(0, index), script: words.slice(index) }
    if (takesValue(word) && words[index + 1] !== '--') index += 1
  }
  return { own: words, script: [] }
}

/**
 * Puts a `--` between the words of `rerun` that are its own (options on either side of the run) and the arguments of the script, which
 * begin with the first word behind the run that is none of its options. A `--` of the user's says where, also before no arguments at all.
 */
export function splitBehindRun(words: readonly string[], flags: FlagShapes): readonly string[] {
  const takesValue = valueTaker(flags)
  const isOwn = (word: string) => Object.entries(flags).some(([name, flag]) => spells(word, name, flag))
  let named = false
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (word === '--') return words
    const isFlag = word.startsWith('-') && word !== '-'
    if (named && (!isFlag || !(isOwn(word) || word === '--help' || word === '-h')))
      return [...words.slice(0, index), '--', ...words.slice(index)]
    if (!isFlag || /^(?:-r|--run(?:=|$))/.test(word)) named = true
    if (isFlag && takesValue(word) && words[index + 1] !== '--') index += 1
  }
  return words
}

/**
 * What can be known of the words of a command whose options are not known yet: the values of the flags that are, and the words that
 * belong to none of them (values of unknown flags among them).
 */
export function looseWords(
  words: readonly string[],
  flags: FlagShapes,
): { readonly values: Readonly<Record<string, string>>; readonly others: readonly string[] } {
  const takesValue = valueTaker(flags)
  const values: Record<string, string> = {}
  const others: string[] = []
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (!word.startsWith('-')) others.push(word)
    const found = Object.entries(flags).find(([name, flag]) => spells(word, name, flag))
    if (found !== undefined)
      values[found[0]] = /^--[^=]+=(.*)$/s.exec(word)?.[1] ?? (takesValue(word) ? (words[index + 1] ?? '') : word.slice(2))
    if (word.startsWith('-') && takesValue(word)) index += 1
  }
  return { values, others }
}

/** Words that are spelt as one of these options, without their values. */
export function optionsAmong(words: readonly string[], flags: FlagShapes): readonly string[] {
  const isSpelt = (word: string): boolean =>
    Object.entries(flags).some(([name, { char, aliases = [] }]) =>
      word.startsWith('--') ? [name, ...aliases].includes(word.slice(2)) : char !== undefined && word === `-${char}`,
    )
  return words.map((word) => word.replace(/=.*$/s, '')).filter(isSpelt)
}

function spells(word: string, name: string, flag: FlagShapes[string]): boolean {
  const long = [name, ...(flag.aliases ?? [])].some((spelling) => word === `--${spelling}` || word.startsWith(`--${spelling}=`))
  return long || (flag.char !== undefined && !word.startsWith('--') && word.startsWith(`-${flag.char}`))
}

/** Whether the value of a flag is the word behind it. Of `-ac` the last letter decides; `-cNAME` and `--name=value` bring their value. */
function valueTaker(flags: FlagShapes): (word: string) => boolean {
  const long = new Set<string>()
  const short = new Set<string>()
  for (const [name, flag] of Object.entries(flags)) {
    if (flag.type !== 'option') continue
    for (const spelling of [name, ...(flag.aliases ?? [])]) (spelling.length === 1 ? short : long).add(spelling)
    for (const letter of [flag.char, ...(flag.charAliases ?? [])]) if (letter !== undefined) short.add(letter)
  }
  return (word) => {
    if (word.startsWith('--')) return long.has(word.slice(2))
    // The first letter that takes a value takes the rest of the word, or the next word when nothing is left.
    const letters = word.slice(1).split('')
    const first = letters.findIndex((letter) => short.has(letter))
    return first !== -1 && first === letters.length - 1
  }
}

/** A text as one word of sh, as it is where it needs no quotes: for commands that a user copies. */
export function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
