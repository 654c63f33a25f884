import type { Readable } from 'node:stream'
import { ErrandError } from './errors.ts'
import type { Host, RunOptions } from './host.ts'

/** How a place behind a command is opened. */
export interface CommandHostOptions {
  /** Aborts the one call that asks who is there. */
  readonly signal: AbortSignal
  /** Shown to users. Default: the command itself. */
  readonly name?: string
}

/**
 * A place that a command leads into: `runuser -u ann --`, `chroot /srv/box`, `kubectl exec -i pod --`, `lxc exec box --`. What it is asked to
 * run stands behind the command, argument for argument. The place needs `/bin/sh`, `cat` and `mv`; the command must hand on standard input,
 * output and the exit code, and what was started there in the background must live on when it has ended.
 * @throws ErrandError PLACE_UNREACHABLE with the last words of the command
 */
export async function openCommandHost(host: Host, command: readonly string[], { signal, name }: CommandHostOptions): Promise<Host> {
  const shown = name ?? command.join(' ')
  const { exitCode, stdout, stderr } = await host.run([...command, '/bin/sh', '-c', 'printf "%s\\n" "$HOME" "$(uname -s)" "$(uname -m)"'], {
    signal,
  })
  const [home = '', system = '', machine = ''] = stdout.toString('utf8').split('\n')
  if (exitCode !== 0 || !home.startsWith('/')) throw unreachable(command, shown, stderr)
  const inside = (words: readonly string[], { cwd, env = {} }: RunOptions): readonly string[] => [
    ...command,
    ...(cwd === undefined ? [] : ['/bin/sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', cwd]),
    'env',
    ...Object.entries(env).map(([variable, value]) => `${variable}=${value}`),
    ...words,
  ]
  const outside = ({ cwd: _cwd, env: _env, ...options }: RunOptions): RunOptions => options
  return {
    name: shown,
    platform: { os: system.toLowerCase(), architecture: machine === 'x86_64' ? 'x64' : machine === 'aarch64' ? 'arm64' : machine },
    home,
    run: (words, options) => host.run(inside(words, options), outside(options)),
    spawn: (words, options) => host.spawn(inside(words, options), outside(options)),
    readFile: async (path) => (await finished(shell(host, command, 'exec cat "$1"', [path]), shown, path)).stdout,
    async writeFile(path, data, options = {}) {
      const mode = (options.mode ?? 0o644).toString(8)
      const script = 'mkdir -p "$(dirname "$1")" && umask 077 && cat >"$1.$$" && chmod "$2" "$1.$$" && mv -f "$1.$$" "$1"'
      await finished(shell(host, command, script, [path, mode], data), shown, path)
    },
    connect: () =>
      Promise.reject(
        new ErrandError(
          'CONNECT_NOT_SUPPORTED',
          `A command leads to ${shown}, and no connection to a port or a socket there can be made over it.`,
        ),
      ),
    [Symbol.asyncDispose]: async () => {},
  }
}

function shell(host: Host, command: readonly string[], script: string, words: readonly string[], input: Buffer | string | Readable = '') {
  return host.run([...command, '/bin/sh', '-c', script, 'sh', ...words], { signal: new AbortController().signal, input })
}

async function finished(call: ReturnType<Host['run']>, name: string, path: string) {
  const result = await call
  if (result.exitCode === 0) return result
  throw new ErrandError('FILE_NOT_ACCESSIBLE', `${path} on ${name}: ${lastLine(result.stderr)}`)
}

function unreachable(command: readonly string[], name: string, stderr: Buffer): ErrandError {
  return new ErrandError('PLACE_UNREACHABLE', `${name} can't be reached: ${lastLine(stderr) || 'the command printed nothing'}.`, {
    hint: `This must print the place's home folder: ${command.join(' ')} sh -c 'echo $HOME'`,
  })
}

const lastLine = (text: Buffer): string => text.toString('utf8').trim().split('\n').at(-1) ?? ''
