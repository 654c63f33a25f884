import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { removeOldFolders } from './old-folders.ts'

it('removes of the folders of tests those that are older than a day, and nothing else', () => {
  const directory = mkdtempSync(join(tmpdir(), 'errand-old-folders-'))
  const names = ['errand-sshd-x7Yt3Q', 'errand-docker-client-AbCdE1', 'errand-cli-test-cache', 'errand-iris_1521077190506-abcd1234', 'mine']
  for (const name of [...names, 'errand-test-young1']) mkdirSync(join(directory, name, 'inside'), { recursive: true })
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
  for (const name of names) utimesSync(join(directory, name), twoDaysAgo, twoDaysAgo)
  removeOldFolders(directory)
  expect(readdirSync(directory).toSorted()).toEqual([...names.slice(2), 'errand-test-young1'].toSorted())
  rmSync(directory, { recursive: true })
})
