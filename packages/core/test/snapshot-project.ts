import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { takeSnapshot, type SnapshotOptions, type TakenSnapshot } from '../src/snapshot/index.ts'

/** A project in a folder of its own that is gone at the end of the scope. */
export interface TemporaryProject extends Disposable {
  readonly directory: string
  readonly state: string
  write(files: Readonly<Record<string, string>>): void
  take(options?: Partial<SnapshotOptions>): Promise<TakenSnapshot>
}

export function temporaryProject(files: Readonly<Record<string, string>> = {}): TemporaryProject {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'errand-snapshot-')))
  const state = join(directory, '.errand')
  const write = (added: Readonly<Record<string, string>>): void => {
    for (const [path, content] of Object.entries(added)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), content)
    }
  }
  write(files)
  return {
    directory,
    state,
    write,
    take: (options = {}) => takeSnapshot({ directory, state, signal: new AbortController().signal, ...options }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Waits until files changed before now are old enough that a later change must give them another time. */
export function outsideTheTick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 120))
}

export function pathsOf(taken: TakenSnapshot): readonly string[] {
  return taken.snapshot.entries.map((entry) => entry.path)
}
