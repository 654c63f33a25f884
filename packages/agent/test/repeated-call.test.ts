import { ErrandError } from '@errand/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { repeatWhileLost } from '../src/repeated-call.ts'

it('repeats a call that was cut off after an hour of work or sleep', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  let calls = 0
  const long = async (): Promise<string> => {
    if (++calls > 2) return 'done'
    vi.setSystemTime(Date.now() + 3_600_000)
    throw new ErrandError('CONNECTION_LOST', 'The connection was lost.')
  }
  expect(await repeatWhileLost(long, new AbortController().signal)).toBe('done')
  expect(calls).toBe(3)
})
