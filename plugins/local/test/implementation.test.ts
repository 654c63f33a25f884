import { createTestContext } from '@errand/testkit'
import { afterEach, expect, it } from 'vitest'
import { createTarget } from '../src/implementation.ts'

const config = { pythonLocation: 'python', sparkSubmitLocation: 'spark-submit', userManagedEnvironment: true }
const context = () => createTestContext({ config, directory: '/nowhere' })

afterEach(() => {
  delete process.env['ERRAND_CANCEL_GRACE']
})

it('refuses a grace that is no number of seconds, naming the variable', () => {
  for (const text of ['soon', '-1', 'Infinity', '3s']) {
    process.env['ERRAND_CANCEL_GRACE'] = text
    expect(() => createTarget(context())).toThrow(`ERRAND_CANCEL_GRACE is ${text}`)
  }
})

it('takes a grace of zero, of a part of a second, and none', () => {
  for (const text of ['0', '0.5', '']) {
    process.env['ERRAND_CANCEL_GRACE'] = text
    expect(() => createTarget(context())).not.toThrow()
  }
})

it('has no local runs on Windows itself', () => {
  const { host, ...rest } = context()
  expect(() => createTarget({ ...rest, host: { ...host, platform: { os: 'win32', architecture: 'x64' } } })).toThrow(
    'not supported on Windows',
  )
})
