import { expect, it } from 'vitest'
import type { History } from '../src/history/index.ts'
import { cancel, follow, refresh, submit } from '../src/run/index.ts'
import { scriptedEvents, scriptedPlace, scriptedProject } from './scripted-run.ts'

const signal = new AbortController().signal

function logged(history: History, id: string): string {
  return [...history.readLog(id)].map((record) => Buffer.from(record.data).toString()).join('')
}

async function shown(updates: AsyncIterable<{ readonly type: string; readonly data?: Uint8Array }>): Promise<string> {
  let text = ''
  for await (const update of updates) if (update.type === 'log') text += Buffer.from(update.data ?? []).toString()
  return text
}

it('completes the record before it removes the run, when a follower that was ahead has died on a cursor of its own', async () => {
  const events = scriptedEvents(['a\n', 'b\n', 'c\n', 'd\n'])
  await using project = await scriptedProject(scriptedPlace(events))
  const { history } = project.context
  const { id } = project.started()
  // The dead one stored two lines, and a metric that the other's reads order otherwise: its cursor is none of the other's.
  const metric = { cursor: '2.7.0', at: events[0]?.at ?? '', type: 'metric', kind: 'value', name: 'm', value: 1 } as const
  history.appendEvents(id, [...events.slice(0, 2), metric], undefined)
  // The other began before that: its record is the one from then.
  const text = await shown(follow({ ...project.context, history: staleUntilFollowed(history, id) }, id, { signal, live: true }))
  expect(text).toBe('a\nb\nc\nd\n')
  expect(logged(history, id)).toBe('a\nb\nc\nd\n')
  expect(history.get(id)).toMatchObject({ state: 'completed', collected: true, removed: true })
})

/** The first looks at the record are from before the other follower stored anything. */
function staleUntilFollowed(history: History, id: string): History {
  const { cursor: _cursor, ...log } = history.get(id)?.log ?? { size: 0 }
  let looks = 2
  return {
    ...history,
    get: (wanted) => {
      const run = history.get(wanted)
      return run !== undefined && looks-- > 0 ? { ...run, log: { ...log, size: 0 } } : run
    },
  }
}

it('shows what a place says that a run waits for', async () => {
  const place = scriptedPlace(scriptedEvents(['at last\n']))
  place.progress = { message: 'waits in a queue' }
  await using project = await scriptedProject(place)
  const { id } = project.started()
  const seen: unknown[] = []
  for await (const update of follow(project.context, id, { signal, live: true })) if (update.type === 'progress') seen.push(update.progress)
  expect(seen).toContainEqual({ message: 'waits in a queue' })
})

it('does not take a slow answer for silence: an ended run is read to its end before it is removed', async () => {
  const place = scriptedPlace(scriptedEvents(['first\n', 'second\n']))
  place.delay = 700
  await using project = await scriptedProject(place)
  const { id } = project.started()
  expect(await refresh(project.context, id, { signal })).toMatchObject({ state: 'completed', removed: true })
  expect(logged(project.context.history, id)).toBe('first\nsecond\n')
})

it('replaces a secret also in the reason of the end, in whatever form the script said it', async () => {
  const encoded = Buffer.from('sesame-street').toString('base64')
  const status = { state: 'failed', cause: 'exit', exitCode: 1, reason: `ValueError: ${encoded} sesame-street` } as const
  await using project = await scriptedProject(scriptedPlace(scriptedEvents([`${encoded}\n`], status), status))
  const { id } = project.started()
  const run = await refresh(project.context, id, { signal })
  expect(run).toMatchObject({ state: 'failed', reason: 'ValueError: *** ***' })
  expect(JSON.stringify(project.context.history.get(id))).not.toContain(encoded)
  expect(logged(project.context.history, id)).toBe('***\n')
})

it('lets output go that could have become a secret and did not, so that nothing waits behind it', async () => {
  const events = scriptedEvents(['done sesam', 'next\n'])
  const place = scriptedPlace(events.slice(0, 1), { state: 'running' })
  await using project = await scriptedProject(place)
  const { id } = project.started()
  place.events = [...events.slice(0, 1), { cursor: '1.1.0', at: '', type: 'metric', kind: 'value', name: 'm', value: 1 }]
  await refresh(project.context, id, { signal })
  expect(logged(project.context.history, id)).toBe('done sesam')
  expect(project.context.history.metrics(id)).toHaveLength(1)
})

it('leaves a run that may have started to the next look, which finds it', async () => {
  const place = scriptedPlace(scriptedEvents(['ran\n']))
  const unreachable = () => Promise.reject(Object.assign(new Error('the line was cut'), { code: 'CONNECTION_LOST' }))
  const { find } = place
  place.submit = unreachable
  place.find = unreachable
  await using project = await scriptedProject(place)
  const { history } = project.context
  await expect(shown(submit(project.context, { runConfiguration: 'there', script: 'train.py', arguments: [], signal }))).rejects.toThrow(
    'cut',
  )
  const run = history.resolve('last')
  expect(run).toMatchObject({
    state: 'starting',
    notes: [expect.stringMatching(/not known: there gave no answer.*errand status/) as string],
  })
  history.update(run.id, { client: null })
  let prepared: unknown
  place.find = (options) => {
    prepared = options.prepared
    return find(options)
  }
  expect(await refresh(project.context, run.id, { signal })).toMatchObject({ state: 'completed' })
  expect(logged(history, run.id)).toBe('ran\n')
  // A place whose resource is gone may know from this where to look.
  expect(prepared).toEqual({ environmentKey: 'k' })
})

it.each([
  [
    'has not started, as one that can go on',
    undefined,
    { state: 'interrupted', reason: expect.stringMatching(/errand continue/) as string },
  ],
  ['runs by now', { state: 'running' }, { state: 'running', status: { state: 'running' } }],
  ['has ended by now', { state: 'completed' }, { state: 'finalizing', status: { state: 'completed' } }],
] as const)('records of a run that its client let go of while it started that it %s', async (_, status, known) => {
  const place = scriptedPlace([], status)
  place.known = status !== undefined
  const stop = new AbortController()
  place.submit = () => {
    stop.abort()
    return Promise.reject(stop.signal.reason as Error)
  }
  const { find } = place
  place.find = async (options) => {
    options.signal.throwIfAborted()
    return find(options)
  }
  await using project = await scriptedProject(place)
  const options = { runConfiguration: 'there', script: 'train.py', arguments: [], signal: stop.signal }
  await expect(shown(submit(project.context, options))).rejects.toThrow('abort')
  expect(project.context.history.resolve('last')).toMatchObject(known)
})

it('records a failure when the place says that it does not know the run', async () => {
  const place = scriptedPlace([])
  place.known = false
  place.submit = () => Promise.reject(new Error('no space there'))
  await using project = await scriptedProject(place)
  await expect(shown(submit(project.context, { runConfiguration: 'there', script: 'train.py', arguments: [], signal }))).rejects.toThrow(
    'no space',
  )
  expect(project.context.history.resolve('last')).toMatchObject({ state: 'failed', reason: 'no space there' })
})

it('carries out a cancel that was asked for while the run could not be reached', async () => {
  const status = { state: 'cancelled' } as const
  await using project = await scriptedProject(scriptedPlace(scriptedEvents([], status), status))
  const { id } = project.started()
  project.context.history.update(id, { state: 'cancelling' })
  expect(await refresh(project.context, id, { signal })).toMatchObject({ state: 'cancelled' })
  expect(project.place.cancelled).toBe(1)
})

it('cancels a run whose driver has died before the start, without waiting for it', async () => {
  const place = scriptedPlace([])
  place.known = false
  await using project = await scriptedProject(place)
  const { history } = project.context
  const { id } = history.create({
    kind: 'run',
    name: 'p',
    script: 'train.py',
    arguments: [],
    runConfiguration: 'there',
    target: { name: 'there', type: 'there', config: {} },
    user: 'ada',
  })
  await shown(cancel(project.context, id, { signal }))
  expect(history.get(id)).toMatchObject({ state: 'cancelled' })
})

it('finds out that a run is lost when its place has forgotten it, also on cancel', async () => {
  const lost = { state: 'lost', reason: 'The place does not know the run.' } as const
  const place = scriptedPlace([{ cursor: '0.0.3', at: '', type: 'status', status: lost }], lost)
  place.known = false
  await using project = await scriptedProject(place)
  const { id } = project.started()
  await shown(cancel(project.context, id, { signal }))
  expect(project.context.history.get(id)).toMatchObject({ state: 'lost', reason: lost.reason })
})

it.each([
  ['', /^Interrupted before its files were recorded\. Submit it again: errand experiment submit -c there train\.py$/],
  ['sha256:0', /^Interrupted before it started\. It goes on with: errand continue /],
])('says how to go on with what was interrupted before it started, with the files %o', async (digest, reason) => {
  const place = scriptedPlace([])
  place.known = false
  await using project = await scriptedProject(place)
  const { script = '', arguments: parameters, ...facts } = project.started()
  const { name, runConfiguration, target, user } = facts
  const asked = { kind: 'run', name, script, arguments: parameters, runConfiguration, target, user } as const
  const { id } = project.context.history.create({ ...asked, request: { snapshot: { digest }, tracked: true } })
  const run = await refresh(project.context, id, { signal })
  expect(run.state).toBe('interrupted')
  expect(run.reason).toMatch(reason)
})
