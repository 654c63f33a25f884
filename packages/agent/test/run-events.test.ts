import { ErrandError, type RunEvent, encodeLogRecord, logMagic } from '@errand/core'
import { expect, it } from 'vitest'
import type { Agent } from '../src/agent.ts'
import type { Answer, CallParameters } from '../src/connection.ts'
import { readAhead, readEvents } from '../src/run-events.ts'

const { signal } = new AbortController()
const word = (text: string): Buffer => encodeLogRecord({ stream: 'stdout', time: 1, data: Buffer.from(text) })

function answer(words: readonly string[], state: string, more: object = {}): Answer {
  const body = Buffer.concat(words.map(word))
  return { result: { log: body.length, metrics: 0, status: { state }, end: state === 'completed', ...more }, body }
}

const cut = (): ErrandError => new ErrandError('AGENT_CONNECTION_LOST', 'cut')

/** An agent that answers its calls one after the other: some parts first, then the end of the answer, or an error. */
function scripted(
  ...answers: readonly { readonly parts?: readonly Answer[]; readonly end?: Answer }[]
): Agent & { calls: CallParameters[] } {
  const calls: CallParameters[] = []
  const left = [...answers]
  return {
    calls,
    ahead: new Map(),
    host: { name: 'place' } as Agent['host'],
    hello: {} as Agent['hello'],
    async call(_name, parameters, { part }) {
      calls.push(parameters)
      const next = left.shift()
      for (const each of next?.parts ?? []) part?.(each)
      if (next?.end === undefined) throw cut()
      return next.end
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

async function told(events: AsyncIterable<RunEvent>): Promise<string> {
  let text = ''
  for await (const event of events) text += event.type === 'log' ? Buffer.from(event.data).toString() : ` ${event.type}`
  return text
}

it('goes on behind the parts that arrived before the connection was cut, and tells nothing twice', async () => {
  const agent = scripted({ parts: [answer(['a', 'b'], 'running')] }, { end: answer(['c'], 'running') }, { end: answer(['d'], 'completed') })
  expect(await told(readEvents(agent, 'run_1', { signal, report() {} }))).toBe('ab statuscd status')
  const behind = logMagic.length + 2 * word('a').length
  expect(agent.calls.map(({ log, parts }) => [log, parts])).toEqual([
    [logMagic.length, true],
    [behind, undefined],
    [behind + word('c').length, true],
  ])
})

it('ends when the call that may be repeated fails as well', async () => {
  const agent = scripted({}, {})
  await expect(told(readEvents(agent, 'run_1', { signal, report() {} }))).rejects.toMatchObject({ code: 'AGENT_CONNECTION_LOST' })
  expect(agent.calls).toHaveLength(2)
})

it('takes what was asked for before the start once, and only from the beginning', async () => {
  const collected = { files: [] }
  const agent = scripted(
    { parts: [answer(['a'], 'running')], end: answer(['b'], 'completed', { collected }) },
    { end: answer([], 'completed') },
  )
  readAhead(agent, 'run_1', ['outputs/**'], signal)
  expect(await told(readEvents(agent, 'run_1', { signal, report() {} }))).toBe('a statusb status')
  expect(agent.ahead?.get('run_1')?.listing).toEqual(collected)
  expect(agent.calls).toHaveLength(1)
  expect(await told(readEvents(agent, 'run_1', { signal, report() {}, cursor: '8.0.0' }))).toBe(' status')
  expect(agent.calls).toHaveLength(2)
})

it('asks as ever when the run was not there in time', async () => {
  const none = { result: { log: 0, metrics: 0, status: null, end: false }, body: Buffer.alloc(0) }
  const agent = scripted({ end: none }, { end: answer(['a'], 'completed') })
  readAhead(agent, 'run_1', [], signal)
  expect(await told(readEvents(agent, 'run_1', { signal, report() {} }))).toBe('a status')
})

it('gives up what was asked for ahead when its reader is aborted', async () => {
  const agent = scripted({ end: answer(['a'], 'completed') })
  let given: AbortSignal | undefined
  const call: Agent['call'] = (_name, _parameters, settings) => {
    given = settings.signal
    return new Promise((_resolve, reject) => settings.signal.addEventListener('abort', () => reject(settings.signal.reason as Error)))
  }
  const waiting = { ...agent, call }
  readAhead(waiting, 'run_1', [], signal)
  const stop = new AbortController()
  const reading = told(readEvents(waiting, 'run_1', { signal: stop.signal, report() {} }))
  stop.abort(new Error('enough'))
  await expect(reading).rejects.toThrow('enough')
  expect(given?.aborted).toBe(true)
})
