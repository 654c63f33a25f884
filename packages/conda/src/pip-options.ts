import type { EnvironmentContent, PipOption } from './content.ts'

/**
 * Where an option of pip goes. `file`: into the requirements file, where no process list shows an address with credentials.
 * `uv`: what uv calls it; absent: uv has nothing like it, so that pip has to install.
 */
const places: Readonly<Record<string, { readonly file: boolean; readonly uv?: 'file' | 'none' | readonly string[] }>> = {
  '--index-url': { file: true, uv: 'file' },
  '--extra-index-url': { file: true, uv: 'file' },
  '--find-links': { file: true, uv: 'file' },
  '--no-index': { file: true, uv: 'file' },
  '--requirement': { file: true, uv: 'file' },
  '--constraint': { file: true, uv: 'file' },
  '--editable': { file: true, uv: 'file' },
  '--no-binary': { file: true, uv: 'file' },
  '--only-binary': { file: true, uv: 'file' },
  '--require-hashes': { file: true, uv: 'file' },
  '--pre': { file: true, uv: ['--prerelease', 'allow'] },
  '--trusted-host': { file: true, uv: ['--allow-insecure-host'] },
  '--no-deps': { file: false, uv: ['--no-deps'] },
  '--upgrade': { file: false, uv: ['--upgrade'] },
  '-U': { file: false, uv: ['--upgrade'] },
  '--no-build-isolation': { file: false, uv: ['--no-build-isolation'] },
  '--no-cache-dir': { file: false, uv: ['--no-cache'] },
  '--prefer-binary': { file: true, uv: 'none' },
  '--no-warn-script-location': { file: false, uv: 'none' },
  '--disable-pip-version-check': { file: false, uv: 'none' },
  '--no-input': { file: false, uv: 'none' },
  '--quiet': { file: false, uv: 'none' },
  '-q': { file: false, uv: 'none' },
}

const words = ({ name, value }: PipOption): readonly string[] => (value === undefined ? [name] : [name, value])

/** Whether uv means the same with all of these options. */
export function uvKnows(options: readonly PipOption[]): boolean {
  return options.every(({ name }) => places[name]?.uv !== undefined)
}

/** The lines of a requirements file: options first. `where` says where a path of the project is at the place. */
export function requirementsText(content: EnvironmentContent, tool: 'pip' | 'uv', where: (path: string) => string): string {
  return [...optionLines(content.pipOptions, tool, where), ...content.pip.map(where)].map((line) => `${line}\n`).join('')
}

/** Those options that stand in a requirements file. */
export function optionLines(options: readonly PipOption[], tool: 'pip' | 'uv', where: (path: string) => string): readonly string[] {
  return options
    .filter(({ name }) => (tool === 'pip' ? places[name]?.file === true : places[name]?.uv === 'file'))
    .map(({ name, value }) => (value === undefined ? name : `${name} ${where(value)}`))
}

/** The others, for the command line. */
export function pipArguments(options: readonly PipOption[]): readonly string[] {
  return options.filter(({ name }) => places[name]?.file !== true && name !== proxy).flatMap(words)
}

/** A proxy may want a password, and no requirements file may name one: pip has it as a variable, which no process list shows. */
export function pipVariables(options: readonly PipOption[]): Readonly<Record<string, string>> {
  const value = options.findLast(({ name }) => name === proxy)?.value
  return value === undefined ? {} : { PIP_PROXY: value }
}

const proxy = '--proxy'

/** The others in uv's words. Like pip, the best version of all indexes wins. */
export function uvArguments(options: readonly PipOption[]): readonly string[] {
  const several = options.some(({ name }) => name === '--extra-index-url')
  return [
    ...(several ? ['--index-strategy', 'unsafe-best-match'] : []),
    ...options.flatMap(({ name, value }) => {
      const uv = places[name]?.uv
      return uv === undefined || uv === 'file' || uv === 'none' ? [] : [...uv, ...(value === undefined ? [] : [value])]
    }),
  ]
}
