import type { CallOptions } from '@errand/core'
import { expect, it } from 'vitest'
import { type OpenedOnce, openOnce } from '../src/open-once.ts'

interface Door extends AsyncDisposable {
  readonly number: number
}

/** Doors that open when the test says so. */
function doors(): { opening: OpenedOnce<Door>; settle: PromiseWithResolvers<void>[]; closed: number[]; signals: AbortSignal[] } {
  const settle: PromiseWithResolvers<void>[] = []
  const closed: number[] = []
  const signals: AbortSignal[] = []
  const opening = openOnce(async ({ signal }) => {
    const number = settle.length
    const waiting = Promise.withResolvers<void>()
    settle.push(waiting)
    signals.push(signal)
    signal.addEventListener('abort', () => waiting.reject(signal.reason))
    await waiting.promise
    return { number, [Symbol.asyncDispose]: async () => void closed.push(number) }
  })
  return { opening, settle, closed, signals }
}

const options = (signal: AbortSignal = new AbortController().signal): CallOptions => ({ signal, report: () => {} })

it('opens once for all calls and closes what it opened', async () => {
  const { opening, settle, closed } = doors()
  const both = Promise.all([opening.get(options()), opening.get(options())])
  settle[0]?.resolve()
  expect((await both).map(({ number }) => number)).toEqual([0, 0])
  expect((await opening.get(options())).number).toBe(0)
  await opening[Symbol.asyncDispose]()
  expect(closed).toEqual([0])
})

it('gives up the call that is aborted and no other', async () => {
  const { opening, settle } = doors()
  const given = new AbortController()
  const first = opening.get(options(given.signal))
  const second = opening.get(options())
  given.abort(new Error('given up'))
  await expect(first).rejects.toThrow('given up')
  settle[0]?.resolve()
  expect((await second).number).toBe(0)
  await expect(opening.get(options(given.signal))).rejects.toThrow('given up')
})

it('tries again after a failure', async () => {
  const { opening, settle } = doors()
  const first = opening.get(options())
  settle[0]?.reject(new Error('locked'))
  await expect(first).rejects.toThrow('locked')
  const second = opening.get(options())
  settle[1]?.resolve()
  expect((await second).number).toBe(1)
})

it('ends an opening that is under way when it is closed', async () => {
  const { opening, closed, signals } = doors()
  const waiting = opening.get(options())
  await Promise.all([expect(waiting).rejects.toThrow('aborted'), opening[Symbol.asyncDispose]()])
  expect(signals[0]?.aborted).toBe(true)
  expect(closed).toEqual([])
})
