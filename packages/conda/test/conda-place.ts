import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Environment, EnvironmentLock, JsonValue, Progress } from '@errand/core'
import type { WantedEnvironment } from '../src/index.ts'

/** A place in a temporary folder, with a program that is called like conda. */
export interface CondaPlace extends Disposable {
  readonly folder: string
  readonly home: string
  readonly conda: string
  /** One line a call of `create`. */
  calls(): readonly string[]
  wanted(canonical: JsonValue, more?: Partial<WantedEnvironment> & { readonly lock?: EnvironmentLock }): WantedEnvironment
}

export function condaPlace(): CondaPlace {
  const folder = mkdtempSync(join(tmpdir(), 'errand-conda-'))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const conda = join(bin, 'conda')
  copyFileSync(join(import.meta.dirname, 'conda-stand-in.py'), `${conda}.py`)
  copyFileSync(join(import.meta.dirname, 'conda-stand-in.sh'), conda)
  chmodSync(conda, 0o755)
  const home = join(folder, 'home')
  return {
    folder,
    home,
    conda,
    // The file is empty for a moment.
    calls: () => (existsSync(join(bin, 'calls')) ? readFileSync(join(bin, 'calls'), 'utf8').split('\n').filter(Boolean) : []),
    wanted: (canonical, { lock, ...more } = {}) => ({
      home,
      environment: condaFile(canonical, lock),
      programs: { conda },
      provider: 'conda',
      ...more,
    }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The environment of a conda file with this meaning. */
export function condaFile(canonical: JsonValue, lock?: EnvironmentLock): Environment {
  const file = { kind: 'conda' as const, file: 'aml_config/conda_dependencies.yml', text: '', localFiles: [], canonical }
  return lock === undefined ? file : { ...file, lock }
}

/** Options of a call, and what it reports. */
export function callOptions(): { readonly signal: AbortSignal; readonly messages: string[]; report(progress: Progress): void } {
  const messages: string[] = []
  return { signal: new AbortController().signal, messages, report: ({ message }) => messages.push(message) }
}

/** Waits for something that another process does. */
export async function until<Value>(look: () => Value | undefined | false): Promise<Value> {
  for (;;) {
    const value = look()
    if (value !== undefined && value !== false) return value
    await sleep(20)
  }
}
