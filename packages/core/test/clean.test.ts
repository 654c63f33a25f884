import { expect, it } from 'vitest'
import { ErrandError } from '../src/errors.ts'
import { type CleanOptions, type Cleaned, cleanTarget } from '../src/run/clean.ts'
import type { Leftover } from '../src/target.ts'
import { type ScriptedPlace, scriptedPlace, scriptedProject } from './scripted-run.ts'

const leftover = (id: string, more: Partial<Leftover> = {}): Leftover => ({
  id,
  kind: 'volume',
  bytes: 7,
  lastUsed: '2026-01-01T00:00:00Z',
  inUse: false,
  ...more,
})

async function clean(place: ScriptedPlace, options: Partial<CleanOptions> = {}): Promise<Cleaned[]> {
  await using project = await scriptedProject(place)
  const cleaned: Cleaned[] = []
  for await (const one of cleanTarget(project.context, 'there', { signal: new AbortController().signal, ...options })) cleaned.push(one)
  return cleaned
}

it('removes what nobody could look into only by force', async () => {
  const place = scriptedPlace([])
  const removed: string[] = []
  place.leftovers = [leftover('volume:mine', { risk: 'Runs in it would be lost.' })]
  place.removeLeftover = async (id) => void removed.push(id)
  expect(await clean(place)).toMatchObject([{ outcome: 'kept', reason: 'Runs in it would be lost. To remove it all the same: --force' }])
  expect(removed).toEqual([])
  expect(await clean(place, { force: true })).toMatchObject([{ outcome: 'removed' }])
  expect(removed).toEqual(['volume:mine'])
})

it('goes on when something was taken into use since it was listed', async () => {
  const place = scriptedPlace([])
  place.leftovers = [leftover('volume:a'), leftover('volume:b')]
  place.removeLeftover = async (id) => {
    if (id === 'volume:a') throw new ErrandError('VOLUME_IN_USE', 'The volume a is in use.')
  }
  expect(await clean(place)).toMatchObject([
    { outcome: 'kept', reason: 'The volume a is in use.' },
    { outcome: 'removed', leftover: { id: 'volume:b' } },
  ])
})
