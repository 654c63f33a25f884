import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { gitFacts } from '../src/history/index.ts'
import { temporaryProject } from './history-fixture.ts'

const identity = ['-c', 'user.name=ada', '-c', 'user.email=ada@example.com', '-c', 'init.defaultBranch=trunk']

function repository() {
  const project = temporaryProject()
  const git = (...words: string[]) => execFileSync('git', [...identity, ...words], { cwd: project.directory, encoding: 'utf8' }).trim()
  git('init')
  const inner = join(project.directory, 'iris')
  mkdirSync(inner)
  return { ...project, git, inner, [Symbol.dispose]: () => project[Symbol.dispose]() }
}

it('are commit, branch and whether the folder of the project differs from it', async () => {
  using project = repository()
  expect(await gitFacts(project.inner)).toEqual({})
  writeFileSync(join(project.inner, 'train.py'), 'pass\n')
  project.git('add', '.')
  project.git('commit', '-m', 'one')
  const commit = project.git('rev-parse', 'HEAD')
  expect(await gitFacts(project.inner)).toEqual({ CommitId: commit, Branch: 'trunk', Dirty: 'false' })
  writeFileSync(join(project.directory, 'beside.txt'), 'not of the project\n')
  expect(await gitFacts(project.inner)).toMatchObject({ Dirty: 'false' })
  writeFileSync(join(project.inner, 'new file\nof two lines'), '')
  project.git('checkout', '--quiet', '--detach')
  expect(await gitFacts(project.inner)).toEqual({ CommitId: commit, Dirty: 'true' })
})

it('are none outside of a repository and where a repository is broken', async () => {
  using project = temporaryProject()
  expect(await gitFacts(project.directory)).toEqual({})
  writeFileSync(join(project.directory, '.git'), 'gitdir: /nowhere\n')
  expect(await gitFacts(project.directory)).toEqual({})
})
