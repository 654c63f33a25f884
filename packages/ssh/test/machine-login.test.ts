import { join } from 'node:path'
import { createTestContext } from '@errand/testkit'
import { expect, it } from 'vitest'
import { type MachineConfig, sshOptions } from '../src/index.ts'

it.each([
  ['keys/id', '/place/project/keys/id'],
  ['./id', '/place/project/id'],
  ['/etc/keys/id', '/etc/keys/id'],
  ['~/.ssh/id', '~/.ssh/id'],
  ['%d/.ssh/id', '%d/.ssh/id'],
  ['${HOME}/id', '${HOME}/id'],
])('takes the key %s of a .compute file for %s, wherever errand is called', (privateKey, expected) => {
  const config: MachineConfig = { address: 'box', username: 'ann', privateKey }
  const context = createTestContext({ config, directory: '/place' })
  expect(context.project.directory).toBe(join('/place', 'project'))
  expect(sshOptions(context).destination.keyFiles).toEqual([expected])
})
