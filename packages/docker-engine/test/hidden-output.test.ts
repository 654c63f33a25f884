import { describe, expect, it } from 'vitest'
import type { BuildEvent } from '../src/build-progress.ts'
import { hideIn, printedForms } from '../src/hidden-output.ts'

async function* pieces(text: string, size: number): AsyncGenerator<BuildEvent> {
  yield { type: 'step', number: 1, total: 1, command: 'RUN install' }
  for (let at = 0; at < text.length; at += size) yield { type: 'output', text: text.slice(at, at + size) }
  yield { type: 'failed', message: 'process "install s%2Fecret" failed', exitCode: 1 }
}

describe('the output of a build with credentials', () => {
  it.each([1, 3, 7, 1000])('shows none of them, cut into pieces of %i characters', async (size) => {
    const text = 'looking in https://me:s%2Fecret@host\nrefused: s/ecret\nwithout an end: s/ecret'
    const said: string[] = []
    for await (const event of hideIn(pieces(text, size), printedForms(['me:s%2Fecret'])))
      said.push(event.type === 'output' ? event.text : event.type === 'failed' ? `\n${event.message}` : '')
    expect(said.join('')).toBe('looking in https://***@host\nrefused: ***\nwithout an end: ***\nprocess "install ***" failed')
  })

  it('keeps a token, and not a word of two letters, from being shown', () => {
    expect(printedForms(['token', 'me:pw'])).toEqual(['token', 'me:pw'])
  })
})
