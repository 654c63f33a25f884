import { hiddenParts } from '@errand/conda'
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

  it.each([
    ['token', 'x token https://token@host', 'x *** https://***@host'],
    ['me:pw', 'pwd https://me:pw@host', 'pwd https://***@host'],
    ['token:', 'https://token@host https://token:****@host token', 'https://***@host https://***:****@host ***'],
    ['token:x-oauth-basic', 'https://token:****@host token', 'https://***:****@host ***'],
    ['user:a=b+c', 'user a%3Db%2bc https://user:a%3Db+c@host', 'user *** https://***@host'],
    ['user:100%', 'at 100% of user, 100%25', 'at *** of user, ***'],
    ['a%2Fb=', 'sig=a%2fb%3D or a/b=', 'sig=*** or ***'],
  ])('hides what a tool writes of %s', async (credential, text, shown) => {
    const said: string[] = []
    for await (const event of hideIn(pieces(text, 1000), printedForms([credential]))) if (event.type === 'output') said.push(event.text)
    expect(said.join('')).toBe(shown)
  })

  it('hides of a query the values that nobody may see', () => {
    const forms = printedForms(
      hiddenParts({ ERRAND_QUERY_1: 'se=2030-01-01&sig=c4nary', ERRAND_QUERY_2: 'token=d4:nary', ERRAND_TOKEN_3: 'e4nary' }),
    )
    const text = 'https://h/a?se=2030-01-01&sig=c4nary https://h/b?token=d4%3Anary https://h/t/e4nary/main'
    expect(text.replaceAll(forms, '***')).toBe('https://h/a?se=2030-01-01&sig=*** https://h/b?token=*** https://h/t/***/main')
  })
})
