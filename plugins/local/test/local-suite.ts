import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileAtPlace, TargetSuite } from '@errand/testkit'
import { afterAll } from 'vitest'
import definition, { type LocalConfig } from '../src/target.ts'

/** What the conformance suite is told of this target. Everything that runs leave is in a folder that goes when the test file is over. */
export function localSuite(): TargetSuite<LocalConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-local-'))
  const home = join(folder, 'home')
  const sharedFolder = join(folder, 'shared')
  mkdirSync(sharedFolder)
  process.env['ERRAND_HOME'] = home
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  // The interpreter itself: what a version chooser in front of it costs is not this target's.
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
  return {
    name: 'local',
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/process-engine', '@errand/agent', '@errand/conda'],
    config: { pythonLocation: python },
    badConfigs: [
      { config: { pythonLocation: 3 }, path: ['pythonLocation'] },
      { config: { pythonLocation: python, userManagedEnvironment: 'perhaps' }, path: ['userManagedEnvironment'] },
      { config: { pythonLocation: python, environmentProvider: 'poetry' }, path: ['environmentProvider'] },
    ],
    grace: 1,
    report: process.env['ERRAND_CONFORMANCE'],
    sharedFolder,
    unknownReference: { externalId: 'nowhere:1', data: { run: 'never-was' } },
    filesAtPlace: async () => [...filesBelow(home), ...commandLines()],
  }
}

function filesBelow(folder: string): FileAtPlace[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path) => readIfThere(path))
}

/** Every user of a machine can read these. */
function commandLines(): FileAtPlace[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readIfThere(`/proc/${pid}/cmdline`))
}

function readIfThere(path: string): FileAtPlace[] {
  try {
    return [{ path, content: readFileSync(path) }]
  } catch {
    return []
  }
}
