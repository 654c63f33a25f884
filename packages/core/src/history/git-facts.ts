import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Milliseconds after which a run is recorded without them. */
const patience = 5_000

/**
 * Commit, branch and whether the project's folder differs from the commit, as properties of a run: `CommitId`, `Branch` (absent when no
 * branch is checked out) and `Dirty`, `true` or `false`. Empty where there is no repository, no git, or no commit yet. Never rejects: a run
 * does not wait or fail for what is only noted.
 */
export function gitFacts(directory: string): Promise<Readonly<Record<string, string>>> {
  if (!isInRepository(directory)) return Promise.resolve({})
  // Nothing that the repository itself names is started, and nothing in it is written.
  const words = ['--no-optional-locks', '-c', 'core.fsmonitor=false', 'status', '--porcelain=v2', '--branch', '-z', '--', '.']
  return new Promise((resolved) => {
    execFile('git', words, { cwd: directory, env: environment(), timeout: patience, maxBuffer: 64 << 20 }, (error, output) =>
      resolved(error === null ? factsOf(output) : {}),
    )
  })
}

function isInRepository(directory: string): boolean {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return true
    if (folder === dirname(folder)) return false
  }
}

/** A git hook that submits a run has variables that name its own repository. */
function environment(): NodeJS.ProcessEnv {
  const { GIT_DIR: _directory, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...rest } = process.env
  return { ...rest, LC_ALL: 'C' }
}

function factsOf(output: string): Readonly<Record<string, string>> {
  const lines = output.split('\0').filter((line) => line !== '')
  const header = (name: string): string | undefined => lines.find((line) => line.startsWith(`# ${name} `))?.slice(name.length + 3)
  const commit = header('branch.oid')
  const branch = header('branch.head')
  if (commit === undefined || commit === '(initial)') return {}
  const dirty = lines.some((line) => !line.startsWith('# '))
  return { CommitId: commit, ...(branch === undefined || branch === '(detached)' ? {} : { Branch: branch }), Dirty: String(dirty) }
}
