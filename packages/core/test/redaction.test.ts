import { describe, expect, it } from 'vitest'
import { createRedactor } from '../src/redaction.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const redactorOf = (...secrets: readonly string[]) => createRedactor(() => secrets)

/** Pushes the chunks and returns all that came out. */
function stream(secrets: readonly string[], chunks: readonly Uint8Array[]): string {
  const redactor = redactorOf(...secrets)
  return [...chunks.map((chunk) => text(redactor.push('o', chunk))), text(redactor.flush('o'))].join('')
}

/** Numbers from 0 up to `limit`, the same for a seed on every machine. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** The definition, as slow and plain as can be: at each position the longest form that fits, else the byte. Only for secrets without an encoded form. */
function plainly(secrets: readonly string[], bytes: string): string {
  const longestFirst = secrets.filter((secret) => secret.length >= 4).toSorted((a, b) => b.length - a.length)
  let output = ''
  for (let position = 0; position < bytes.length;) {
    const secret = longestFirst.find((candidate) => bytes.startsWith(candidate, position))
    output += secret === undefined ? bytes[position] : '***'
    position += secret?.length ?? 1
  }
  return output
}

describe('a stream', () => {
  it('has secrets replaced that are cut in every possible place', () => {
    const bytes = Buffer.from('a hunter2-hunter2 b')
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect([cut, stream(['hunter2'], [bytes.subarray(0, cut), bytes.subarray(cut)])]).toEqual([cut, 'a ***-*** b'])
    expect(
      stream(
        ['hunter2'],
        [...bytes].map((byte) => Uint8Array.of(byte)),
      ),
    ).toBe('a ***-*** b')
  })

  it('comes out as the plain definition says, however random bytes are cut', () => {
    const random = randomNumbers(7)
    for (let round = 0; round < 3000; round += 1) {
      const word = (length: number) => Array.from({ length }, () => 'aab'[random(3)]).join('')
      // Five characters at most: no encoded forms, which the plain definition does not know.
      const secrets = Array.from({ length: 1 + random(4) }, () => word(3 + random(3)))
      const bytes = word(random(60))
      const chunks: Buffer[] = []
      for (let start = 0; start < bytes.length;) {
        const end = start + 1 + random(8)
        chunks.push(Buffer.from(bytes.slice(start, end)))
        start = end
      }
      expect({ round, secrets, bytes, output: stream(secrets, chunks) }).toEqual({ round, secrets, bytes, output: plainly(secrets, bytes) })
    }
  })

  it('comes out the same cut or whole, with encoded forms, long secrets and bytes that are no text', () => {
    const random = randomNumbers(11)
    for (let round = 0; round < 400; round += 1) {
      const secrets = Array.from({ length: 1 + random(3) }, () =>
        Array.from({ length: 4 + random(30) }, () => 'ab ü/+"%'[random(8)]).join(''),
      )
      const parts = Array.from({ length: 12 }, () => {
        const secret = secrets[random(secrets.length)] ?? ''
        const forms = [secret, encodeURIComponent(secret), Buffer.from(`u:${secret}`).toString('base64'), JSON.stringify(secret)]
        return random(3) === 0
          ? Buffer.from([random(256), 255, 0, random(256)])
          : Buffer.from((forms[random(4)] ?? '').slice(0, 1 + random(90)))
      })
      const bytes = Buffer.concat(parts)
      const chunks: Buffer[] = []
      for (let start = 0; start < bytes.length;) {
        const end = start + 1 + random(25)
        chunks.push(bytes.subarray(start, end))
        start = end
      }
      expect({ round, secrets, output: stream(secrets, chunks) }).toEqual({ round, secrets, output: stream(secrets, [bytes]) })
    }
  })

  it('holds back no more than the beginning of a secret', () => {
    const redactor = redactorOf('hunter2')
    expect(text(redactor.push('o', Buffer.from('password: ')))).toBe('password: ')
    expect(text(redactor.push('o', Buffer.from('hunt')))).toBe('')
    expect(text(redactor.push('o', Buffer.from('ing hunter')))).toBe('hunting ')
    expect(text(redactor.flush('o'))).toBe('hunter')
    expect(text(redactor.flush('o'))).toBe('')
  })

  it('is held apart from other streams', () => {
    const redactor = redactorOf('hunter2')
    expect(text(redactor.push('stdout', Buffer.from('hunt')))).toBe('')
    expect(text(redactor.push('stderr', Buffer.from('er2')))).toBe('er2')
    expect(text(redactor.push('stdout', Buffer.from('er2')))).toBe('***')
  })

  it('keeps held bytes when the caller uses its buffer again', () => {
    const redactor = redactorOf('hunter2')
    const buffer = Buffer.from('xxhunt')
    redactor.push('o', buffer)
    buffer.fill('z')
    expect(text(redactor.push('o', Buffer.from('er2!')))).toBe('***!')
  })

  it('is passed on as it is, the very same bytes, when there are no secrets or none in it', () => {
    const bytes = Buffer.from([0, 255, 128, 10])
    expect(redactorOf().push('o', bytes)).toBe(bytes)
    expect(redactorOf('hunter2').push('o', bytes).buffer).toBe(bytes.buffer)
  })

  it('has a secret replaced from the moment it is known', () => {
    const secrets: string[] = []
    const redactor = createRedactor(() => secrets)
    expect(text(redactor.push('o', Buffer.from('hunter2 ')))).toBe('hunter2 ')
    secrets.push('hunter2')
    expect(text(redactor.push('o', Buffer.from('hunter2 ')))).toBe('*** ')
  })

  it('gives back what it held when a secret is no longer one', () => {
    let secrets = ['hunter2']
    const redactor = createRedactor(() => secrets)
    redactor.push('o', Buffer.from('hunt'))
    secrets = []
    expect(text(redactor.push('o', Buffer.from('er2')))).toBe('hunter2')
  })
})

describe('a secret', () => {
  const secret = 'pä ss/w+rd?>~'
  const forms: readonly (readonly [string, string])[] = [
    ['as it is', secret],
    ['percent encoded', encodeURIComponent(secret)],
    ['in a form', new URLSearchParams({ a: secret }).toString().slice(2).replaceAll('%7E', '~')],
    ['in JSON', JSON.stringify(`"${secret}"`).slice(1, -1).replaceAll('\\"', '')],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64 without padding', Buffer.from(secret).toString('base64').replaceAll('=', '')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
  ]
  it.each(forms)('is replaced %s', (_, form) => {
    expect(redactorOf(secret).redactText(`<${form}>`)).toBe('<***>')
  })

  it.each(['', 'u', 'us', 'use', 'user'])('is replaced in a basic authorization header of "%s"', (user) => {
    const header = Buffer.from(`${user}:${secret}`).toString('base64')
    const shown = redactorOf(secret).redactText(header)
    expect(shown).toContain('***')
    // At each end two characters hold bits of the secret's neighbours and of no more than one of its own bytes.
    const left = Buffer.from(shown.replace('***', ''), 'base64').toString('latin1')
    expect(left.length).toBeLessThanOrEqual(user.length + 5)
  })

  it('of fewer than 4 characters is left alone, of fewer than 6 has no encoded form', () => {
    expect(redactorOf('abc').redactText('abc')).toBe('abc')
    expect(redactorOf('abcd').redactText('abcd')).toBe('***')
    expect(redactorOf('a/b/c').redactText('a%2Fb%2Fc a/b/c')).toBe('a%2Fb%2Fc ***')
  })

  it('wins over a shorter one that begins at the same place', () => {
    expect(redactorOf('secret', 'secret-one', 'one-two').redactText('secret-one-two secrets')).toBe('***-two ***s')
  })

  it('with half a surrogate pair does no harm', () => {
    expect(redactorOf('abcdef\uD800').redactText('nothing here')).toBe('nothing here')
  })

  it('with line breaks is replaced in JSON too', () => {
    expect(redactorOf('line one\nline two').redactText(JSON.stringify({ key: 'line one\nline two' }))).toBe('{"key":"***"}')
  })
})

it('replaces secrets in texts and keys of a JSON value and leaves the rest', () => {
  const value = { 'key hunter2': ['hunter2', 1, null, true, { deep: 'a hunter2 b' }], number: 1234, __proto__: null }
  expect(redactorOf('hunter2', '1234').redactJson(value)).toEqual({ 'key ***': ['***', 1, null, true, { deep: 'a *** b' }], number: 1234 })
})
