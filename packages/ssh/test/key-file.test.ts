import { mkdirSync, renameSync } from 'node:fs'
import { makeTestKey, sshdProblem } from '@errand/testkit/servers'
import { expect, it } from 'vitest'
import { readKeyFile } from '../src/key-file.ts'
import { temporaryFolder } from './open-test-host.ts'

it.skipIf(sshdProblem())('uses an encrypted key also when the file of its public half can not be read', () => {
  const { file, publicLine } = makeTestKey(temporaryFolder(), 'key', { passphrase: 'open sesame' })
  renameSync(`${file}.pub`, `${file}.moved`)
  mkdirSync(`${file}.pub`)
  expect(readKeyFile(file)?.publicKey.toString('base64')).toBe(publicLine.split(' ')[1])
})
