import { describe, expect, it } from 'vitest'
import {
  fillCredentials,
  hiddenAddresses,
  hideCredentials,
  holdsCredentials,
  namedCredentials,
  restoreCredentials,
} from '../src/project/credentials.ts'

/** An address, and what a history may hold of it. */
const hides: readonly (readonly [string, string])[] = [
  ['https://user:c4nary@packages.example.org/simple', 'https://***@packages.example.org/simple'],
  ['--index-url https://c4nary@packages.example.org/simple', '--index-url https://***@packages.example.org/simple'],
  ['- pip:\n  - -i "https://u:p%40ss@h/x"\n', '- pip:\n  - -i "https://***@h/x"\n'],
  ['git+https://c4nary@github.com/a/b.git@v1#egg=b', 'git+https://***@github.com/a/b.git@v1#egg=b'],
  ['https://conda.example.org/t/c4nary/main', 'https://conda.example.org/t/***/main'],
  ['b @ https://u:c4nary@h/b.whl', 'b @ https://***@h/b.whl'],
  ['https://u:c4@nary,(x);y@h/simple', 'https://***@h/simple'],
]

const keeps = [
  'https://packages.example.org/simple',
  'git+ssh://git@github.com/a/b.git',
  'https://user:${TOKEN}@packages.example.org/simple',
  'https://${TOKEN}@packages.example.org/simple',
  'https://conda.example.org/t/${TOKEN}/main',
  'https://files.example.org/a@b/c.whl',
  'numpy @ https://files.example.org/numpy.whl',
]

describe('credentials in addresses', () => {
  it.each(hides)('of %s are hidden', (text, safe) => {
    expect(hideCredentials(text)).toBe(safe)
    expect(holdsCredentials(text)).toBe(true)
    expect(hiddenAddresses([safe])).toHaveLength(1)
    expect(hideCredentials(safe)).toBe(safe)
  })

  it.each(keeps)('are none in %s', (text) => {
    expect([hideCredentials(text), holdsCredentials(text), hiddenAddresses([text])]).toEqual([text, false, []])
  })

  it('come back from a file that has them, and stay hidden where it has not', () => {
    const canonical = { pipOptions: ['--index-url', 'https://***@one.example.org/simple', '--find-links', 'https://***@two.example.org/'] }
    const restored = restoreCredentials(canonical, 'pip:\n - -i https://u:p@one.example.org/simple\n')
    expect(restored).toEqual({
      pipOptions: ['--index-url', 'https://u:p@one.example.org/simple', '--find-links', 'https://***@two.example.org/'],
    })
    expect(hiddenAddresses(restored)).toEqual(['https://***@two.example.org/'])
  })

  it('are filled in from secrets where they are named, nowhere else, and fit for an address', () => {
    const value = ['https://u:${PIP_TOKEN}@h/${PIP_TOKEN}', 'https://c/t/${CONDA_TOKEN}/main', '${PIP_TOKEN}', 'https://${OTHER}@h/']
    expect(namedCredentials(value)).toEqual(['PIP_TOKEN', 'CONDA_TOKEN', 'OTHER'])
    expect(fillCredentials(value, (name) => ({ PIP_TOKEN: 'a/b@c', CONDA_TOKEN: 't' })[name])).toEqual([
      'https://u:a%2Fb%40c@h/${PIP_TOKEN}',
      'https://c/t/t/main',
      '${PIP_TOKEN}',
      'https://${OTHER}@h/',
    ])
  })
})
