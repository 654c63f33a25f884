import { testTarget } from '@errand/testkit'
import { it } from 'vitest'
import definition from '../src/target.ts'

const user = process.env['AS_USER']
if (user === undefined) throw new Error('Name a user of this machine in AS_USER; as root, or with a rule of sudo for it.')
process.env['ERRAND_CANCEL_GRACE'] = '1'

testTarget(it, {
  name: 'as-user',
  definition,
  module: new URL('../src/target.ts', import.meta.url),
  heavy: ['./implementation.ts', '@errand/process-engine'],
  config: { user, pythonLocation: '/usr/bin/python3' },
  badConfigs: [
    { config: {}, path: ['user'] },
    { config: { user: '-rf' }, path: ['user'] },
  ],
  grace: 1,
})
