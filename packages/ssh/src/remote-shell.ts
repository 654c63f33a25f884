import { ErrandError } from '@errand/core'

/**
 * The only command line that is ever given to the login shell, which may be sh, csh, fish or something else: one quoted word without
 * newline, exclamation mark or backslash that a shell could change. It says where it runs and what these variables hold there, then takes one line of sh from its standard
 * input; all behind that line is the standard input of the program. `exec` twice: the program is the process that the server watches, the
 * leader of its own session, and its exit is the exit of the channel.
 * @param ahead A file there, which may name variables. The line that it holds is not waited for: its text follows the variables. A file of
 * another user, a link or a pipe is left alone: in a folder that others may write to it may be theirs.
 */
export function shellCommand(variables: readonly string[], ahead?: string): string {
  const values = ['"${HOME:-/}"', ...variables.map((name) => `"$${name}"`), ...(ahead === undefined ? [] : ['"$errand_ahead"'])]
  const [read, run] =
    ahead === undefined
      ? ['', '']
      : [
          `errand_ahead=; [ -h "${ahead}" ] || { [ -O "${ahead}" ] && [ -f "${ahead}" ] && [ -r "${ahead}" ] && IFS= read -r errand_ahead <"${ahead}"; }; `,
          'errand_line=$errand_ahead; [ -z "$errand_line" ] || eval "$errand_line"; ',
        ]
  return (
    `exec /bin/sh -c '${read}echo; echo "errand-ssh-2 $$ $(uname -sm)"; for errand_line in ${values.join(' ')}; do ` +
    `printf %s "$errand_line"; echo; echo errand-ssh-value; done; echo errand-ssh-end; echo errand-ssh-end >&2; ` +
    `${run}IFS= read -r errand_line && eval "$errand_line"'`
  )
}

/** What stands on both outputs in front of what is ours: all before it was printed by login scripts. */
export const greetingEnd = 'errand-ssh-end\n'

/** What stands on the standard output when the program is about to be started, or could not be. */
export const startedEnd = 'errand-ssh-started\n'
const refused = { directory: 'errand-ssh-no-directory', program: 'errand-ssh-no-program' } as const

export interface ShellFacts {
  /** Process id of the program and of its process group. */
  readonly pid: number
  readonly platform: { readonly os: string; readonly architecture: string }
  readonly home: string
  /** In the order in which they were asked for; what is not set is empty. */
  readonly variables: readonly string[]
}

/** Reads what stands on the standard output up to {@link greetingEnd}; undefined when that is no greeting. */
export function parseGreeting(text: string): ShellFacts | undefined {
  const found = /errand-ssh-2 (\d+) (\S+) (.+)\n([^]*)\nerrand-ssh-value\nerrand-ssh-end\n$/.exec(text)
  if (!found) return undefined
  const [, pid = '', system = '', machine = '', values = ''] = found
  const [home = '', ...variables] = values.split('\nerrand-ssh-value\n')
  return { pid: Number(pid), platform: { os: system.toLowerCase(), architecture: architectures[machine] ?? machine }, home, variables }
}

/** From the word of `uname -m` to that of Node. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  amd64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
  i686: 'ia32',
  i386: 'ia32',
  armv7l: 'arm',
  armv6l: 'arm',
  ppc64le: 'ppc64',
}

/** What went wrong with a program that was not started, from the text in its first place of standard output. */
export function startFailure(text: string, command: readonly string[], cwd: string | undefined, place: string): ErrandError {
  const program = command[0] ?? ''
  const reason = text.includes(refused.directory)
    ? `there is no folder ${cwd ?? ''} that may be entered`
    : 'there is no such program, or it may not be executed'
  return new ErrandError('COMMAND_NOT_STARTED', `${program} can't be started on ${place}: ${reason}.`)
}

/**
 * Looks every second whether the program and the server's process of this login are there. When only the program is, it and all of its
 * process group are ended: a connection that was cut tells them nothing. Only where processes are listed, as on Linux.
 */
const watch =
  'if [ -d /proc/$PPID ]; then ' +
  '(while sleep 1 && [ -d /proc/$$ ]; do [ -d /proc/$PPID ] || kill -s KILL -- -$$; done) </dev/null >/dev/null 2>&1 & fi'

interface StartLineOptions {
  /** A file there that keeps the line, for {@link shellCommand} to begin with the next time. */
  readonly keptIn?: string | undefined
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly endWithConnection?: boolean
}

/** The line of sh, without its end, that starts a program: arguments, folder and variables byte for byte. */
export function startLine(command: readonly string[], options: StartLineOptions): string {
  const [program] = command
  if (program === undefined) throw new ErrandError('COMMAND_EMPTY', 'There is no command to run.')
  const variables = Object.entries(options.env ?? {})
  const plain = variables.filter(([name]) => isShellName(name))
  const odd = variables.filter(([name]) => !isShellName(name))
  const steps = [
    // A line can hold no newline: it is this variable's first character.
    `errand_newline=$(printf '\\n.')`,
    ...plain.map(([name, value]) => `export ${name}=${quote(value)}`),
    ...(options.cwd === undefined ? [] : [`cd -- ${quote(options.cwd)} 2>/dev/null || { echo ${refused.directory}; exit 126; }`]),
    `${isThere(program)} || { echo ${refused.program}; exit 127; }`,
    ...(options.keptIn === undefined ? [] : [keep(options.keptIn)]),
    'unset errand_line errand_ahead',
    ...(options.endWithConnection === true ? [watch] : []),
    `echo ${startedEnd.trim()}`,
    ['exec', ...(odd.length === 0 ? [] : ['env', ...odd.map(([name, value]) => quote(`${name}=${value}`))]), ...command.map(quote)].join(
      ' ',
    ),
  ]
  return steps.join('; ')
}

/** Only another line than the one that is there already, and there is nowhere to keep it before the folder was made. */
const keep = (file: string): string =>
  `[ "$errand_line" = "$errand_ahead" ] || { [ -f "${file}" ] && IFS= read -r errand_ahead <"${file}"; [ "$errand_line" = "$errand_ahead" ]; } 2>/dev/null || ` +
  `(umask 077; set -C; printf '%s\\n' "$errand_line" >"${file}.$$" && mv -f "${file}.$$" "${file}" || rm -f "${file}.$$") 2>/dev/null`

function isThere(program: string): string {
  const word = quote(program)
  return program.includes('/') ? `{ [ -x ${word} ] && [ ! -d ${word} ]; }` : `command -v ${word} >/dev/null 2>&1`
}

/** Names that sh keeps for itself or could not export are given by `env`. */
function isShellName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !shellsOwn.has(name)
}

const shellsOwn: ReadonlySet<string> = new Set(
  (
    '_ IFS OPTIND LINENO PWD OLDPWD PPID UID EUID GROUPS SHELLOPTS BASHOPTS RANDOM SECONDS BASH_VERSINFO FUNCNAME DIRSTACK ' +
    'errand_line errand_ahead errand_newline'
  ).split(' '),
)

/** A word of sh. */
export function quote(text: string): string {
  if (text.includes('\0')) throw new ErrandError('COMMAND_INVALID', 'An argument or variable of a command contains a NUL character.')
  const quoted = text.replaceAll(`'`, `'\\''`).replaceAll('\n', `'"\${errand_newline%.}"'`)
  return `'${quoted}'`
}
