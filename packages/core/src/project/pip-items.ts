/** Options of pip that take a value, by every spelling, with the spelling that we keep. */
const withValue: Readonly<Record<string, string>> = {
  '--index-url': '--index-url',
  '-i': '--index-url',
  '--extra-index-url': '--extra-index-url',
  '--find-links': '--find-links',
  '-f': '--find-links',
  '--trusted-host': '--trusted-host',
  '--requirement': '--requirement',
  '-r': '--requirement',
  '--constraint': '--constraint',
  '-c': '--constraint',
  '--editable': '--editable',
  '-e': '--editable',
  '--no-binary': '--no-binary',
  '--only-binary': '--only-binary',
  '--platform': '--platform',
  '--timeout': '--timeout',
  '--proxy': '--proxy',
  '--cert': '--cert',
  '--client-cert': '--client-cert',
}

/** Options whose value is a path or may be one. */
export const pathOptions: readonly string[] = ['--requirement', '--constraint', '--editable', '--find-links']

export interface PipItem {
  readonly packages: readonly string[]
  /** Each option with its value, if it takes one. */
  readonly options: readonly (readonly [option: string, value?: string])[]
}

/** Takes one item of a `pip:` list apart: options, their values, and packages, which some files write on one line. */
export function splitPipItem(item: string): PipItem {
  const text = item.trim()
  if (!/(^|\s)-{1,2}[A-Za-z]/.test(text)) return { packages: text === '' ? [] : [text], options: [] }
  const packages: string[] = []
  const options: [string, string?][] = []
  const words = text.split(/\s+/)
  while (words.length > 0) {
    const word = words.shift() ?? ''
    if (packages.length > 0 && /^--(hash|config-settings)\b/.test(word)) packages.push(`${packages.pop() ?? ''} ${word}`)
    else if (word.startsWith('-')) options.push(withScheme(readOption(word, words)))
    else if (packages.length > 0 && (/^[<>=!~;,]/.test(word) || /[<>=!~;,]$/.test(packages.at(-1) ?? '')))
      packages.push(`${packages.pop() ?? ''}${word}`)
    else packages.push(word)
  }
  return { packages, options }
}

/** pip takes a proxy for one of HTTP when it does not say of what. */
const withScheme = ([name, value]: [string, string?]): [string, string?] =>
  name === '--proxy' && value !== undefined && !value.includes('://')
    ? [name, `http://${value}`]
    : value === undefined
      ? [name]
      : [name, value]

function readOption(word: string, rest: string[]): [string, string?] {
  const equals = word.indexOf('=')
  if (word.startsWith('--') && equals > 0) {
    const name = word.slice(0, equals)
    return [withValue[name] ?? name, word.slice(equals + 1)]
  }
  const known = withValue[word]
  if (known !== undefined) {
    const value = rest.shift()
    return value === undefined ? [known] : [known, value]
  }
  const short = withValue[word.slice(0, 2)]
  if (!word.startsWith('--') && short !== undefined) return [short, word.slice(2)]
  return [word]
}

/** Distribution name of a requirement, a wheel's file name or a `git+…#egg=`; lower case, `-` for `_` and `.`. */
export function pipPackageName(requirement: string): string {
  const egg = /#(?:.*&)?egg=([\w.-]+)/.exec(requirement)?.[1]
  const file = /([^/\\]+?)-\d[^/\\]*\.(?:whl|tar\.gz|zip)(?:[?#].*)?$/.exec(requirement)?.[1]
  const name = egg ?? file ?? /^[A-Za-z0-9][\w.-]*/.exec(requirement.trim())?.[0] ?? requirement
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** Package name of a conda spec, without channel, version and build; lower case. */
export function condaPackageName(spec: string): string {
  const [, name = spec] = /^(?:[^\s:]+::)?([A-Za-z0-9_][\w.-]*)/.exec(spec.trim()) ?? []
  return name.toLowerCase()
}
