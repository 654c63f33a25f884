import { globSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run-program.ts'

export interface CondaChannel {
  /** Folder; `file://` with it is the channel's address. */
  readonly folder: string
  /** `3.11` */
  readonly python: string
  /** Folders of the Pythons that it was made of. */
  readonly prefixes: readonly string[]
}

/** Pythons of this machine that pyenv has, `3.11` or Debian's first: a channel of them serves this machine alone. */
export function machinePythons(also: readonly string[] = []): readonly string[] {
  const pyenv = (series: string): string | undefined => globSync(join(homedir(), `.pyenv/versions/${series}.*`))[0]
  return [pyenv('3.11') ?? '/usr', ...also.flatMap((series) => pyenv(series) ?? [])]
}

/**
 * Makes a small real conda channel of Pythons, given by their folders. Debian's own, `/usr`, serves images of this machine's packages too. With each
 * come pip and setuptools, `greeter` 1.0.0 (Python 3.6 or newer) and 2.0.0 (Python 3.10
 * or newer), and `activator`, whose script in `activate.d` sets `ACTIVATOR_DATA`.
 */
export function makeCondaChannel(folder: string, prefixes: readonly string[]): CondaChannel {
  run('python3', [fileURLToPath(new URL('../../python/make-channel.py', import.meta.url)), folder, ...prefixes])
  const [first = '/usr'] = prefixes
  const python = run(join(first, 'bin', 'python3'), ['-I', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).trim()
  return { folder, python, prefixes }
}
