import { existsSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sshdProblem } from '@errand/testkit/servers'
import { expect, it } from 'vitest'
import { listing } from './listing.ts'
import { errand, exampleProject, startPlace } from './remote-place.ts'

const problem = sshdProblem()

it.skipIf(problem)('plans a run on a machine behind SSH and leaves nothing there, not even the agent', async () => {
  await using place = await startPlace()
  using project = exampleProject('iris')
  const attached = await errand(project, `${place.attach} ${place.accept} --password-stdin`, place.server.password)
  expect(attached).toMatchObject({ exitCode: 0 })
  const before = [listing(place.folder), listing(project.directory)]
  const first = await errand(project, 'submit -c vm --dry-run train.py 0.5')
  expect(first).toMatchObject({ exitCode: 0, stderr: '' })
  expect(first.stdout).toMatch(
    /1\. send errand's agent to .*\n {2}2\. copy the project to .*\/runs\/RUN_ID\/work\n {2}3\. .*python\S* train\.py 0\.5\n/,
  )
  expect([listing(place.folder), listing(project.directory)]).toEqual(before)
  expect(existsSync(join(place.folder, 'errand'))).toBe(false)
  expect(await errand(project, 'submit -c vm train.py 0.5')).toMatchObject({ exitCode: 0 })
  project.write('notes.txt', 'new')
  // Another interpreter than before has compiled nothing of the agent yet, and begins with the login when it runs something.
  const compiled = globSync('errand/agent/**/__pycache__', { cwd: place.folder })
  expect(compiled).not.toEqual([])
  for (const path of compiled) rmSync(join(place.folder, path), { recursive: true })
  const there = listing(place.folder)
  const second = await errand(project, 'submit -c vm --dry-run -o json train.py 0.5')
  expect(JSON.parse(second.stdout).upload).toEqual({ files: 1, bytes: 3 })
  expect(listing(place.folder)).toEqual(there)
})
