import { describe, expect, it } from 'vitest'
import {
  dropCredentials,
  fillCredentials,
  hiddenAddresses,
  hideCredentials,
  holdsCredentials,
  namedCredentials,
  restoreCredentials,
} from '../src/project/credentials.ts'

/** An address, what a history may hold of it, and what it is for everybody. */
const hides: readonly (readonly [string, string, string])[] = [
  ['https://user:c4nary@packages.example.org/simple', 'https://***@packages.example.org/simple', 'https://packages.example.org/simple'],
  ['--index-url https://c4nary@h/simple', '--index-url https://***@h/simple', '--index-url https://h/simple'],
  ['- pip:\n  - -i "https://u:p%40ss@h/x"\n', '- pip:\n  - -i "https://***@h/x"\n', '- pip:\n  - -i "https://h/x"\n'],
  [
    'git+https://c4nary@github.com/a/b.git@v1#egg=b',
    'git+https://***@github.com/a/b.git@v1#egg=b',
    'git+https://github.com/a/b.git@v1#egg=b',
  ],
  ['https://conda.example.org/t/c4nary/main', 'https://conda.example.org/t/***/main', 'https://conda.example.org/main'],
  ['https://u:c4nary@h/t/c4nary/main', 'https://***@h/t/***/main', 'https://h/main'],
  ['b @ https://u:c4nary@h/b.whl', 'b @ https://***@h/b.whl', 'b @ https://h/b.whl'],
  ['https://u:c4@nary,(x);y@h/simple', 'https://***@h/simple', 'https://h/simple'],
  [`https://u:c4'na"ry\`<x>@h/simple`, 'https://***@h/simple', 'https://h/simple'],
  ['https://u:c4/na?r#y@h/simple', 'https://***@h/simple', 'https://h/simple'],
  ['git+ssh://git:c4nary@h/a.git', 'git+ssh://***@h/a.git', 'git+ssh://h/a.git'],
  ['https://${USER}:c4nary@h/simple', 'https://***@h/simple', 'https://h/simple'],
  ['https://h/simple?token=c4nary', 'https://h/simple?token=***', 'https://h/simple'],
  [
    '--find-links=https://h/a?file=b&access_token=c4nary',
    '--find-links=https://h/a?file=b&access_token=***',
    '--find-links=https://h/a?file=b',
  ],
  [
    'https://h/a.whl?api_key=c4nary&job=build#sha256=0f',
    'https://h/a.whl?api_key=***&job=build#sha256=0f',
    'https://h/a.whl?job=build#sha256=0f',
  ],
  ['a @ https://h/a.whl?sv=2022&se=2027&sig=c4na%2Fry%3D', 'a @ https://h/a.whl?***', 'a @ https://h/a.whl'],
  ['https://h/a.whl?X-Amz-Credential=A%2Fc4nary&X-Amz-Signature=c4nary', 'https://h/a.whl?***', 'https://h/a.whl'],
  [`https://h/it's,(1)/a?token=c4'nary`, `https://h/it's,(1)/a?token=***`, `https://h/it's,(1)/a`],
  ['["https://h/a?token=c4nary"]', '["https://h/a?token=***"]', '["https://h/a"]'],
  ['https://h/a?token=c4nary&key=${KEY}', 'https://h/a?token=***&key=${KEY}', 'https://h/a'],
  ['http://u:c4nary@proxy:3128', 'http://***@proxy:3128', 'http://proxy:3128'],
]

const keeps = [
  'https://packages.example.org/simple',
  'git+ssh://git@github.com/a/b.git',
  'https://user:${TOKEN}@packages.example.org/simple',
  'https://${TOKEN}@packages.example.org/simple',
  'https://conda.example.org/t/${TOKEN}/main',
  'https://files.example.org/a@b/c.whl',
  'https://files.example.org:8443/a@b/c.whl',
  'numpy @ https://files.example.org/numpy.whl',
  'https://h/a?version=3&monkey=1&se=2&sp=r',
  'https://h/a?${SAS}',
  'https://h/a?sv=2022&sig=${SIGNATURE}',
]

describe('credentials in addresses', () => {
  it.each(hides)('of %s are hidden', (text, safe, open) => {
    expect(hideCredentials(text)).toBe(safe)
    expect(holdsCredentials(text)).toBe(true)
    expect(hiddenAddresses([safe])).toHaveLength(1)
    expect(hideCredentials(safe)).toBe(safe)
    expect([dropCredentials(text), dropCredentials(safe)]).toEqual([open, open])
  })

  it.each(keeps)('are none in %s', (text) => {
    expect([hideCredentials(text), holdsCredentials(text), hiddenAddresses([text])]).toEqual([text, false, []])
  })

  it('are those of a proxy without http:// too', () => {
    const text = ['- --proxy u:c4nary@h:3128', '- --proxy=u:c4nary@h:3128', '- --proxy http://u:c4nary@h', 'a --proxy h:3128 b@c'].join(
      '\n',
    )
    expect(hideCredentials(text).match(/\*{3}@h/g)).toHaveLength(3)
    expect(hideCredentials(text)).toContain('a --proxy h:3128 b@c')
    expect(hideCredentials(text)).not.toContain('c4nary')
  })

  it('come back from a file that has them, and stay hidden where it has not', () => {
    const canonical = {
      pipOptions: ['--index-url', 'https://***@one.example.org/simple', '--find-links', 'https://***@two.example.org/'],
      pip: ['a @ https://h/a.whl?***', 'https://h/b.whl?job=x&token=***', 'https://h/b.whl?job=y&token=***'],
    }
    const text = 'pip:\n - -i https://u:p@one.example.org/simple\n - "a @ https://h/a.whl?sp=r&sig=s"\n'
    const restored = restoreCredentials(canonical, [text, 'https://h/b.whl?job=y&token=t'])
    expect(restored).toEqual({
      pipOptions: ['--index-url', 'https://u:p@one.example.org/simple', '--find-links', 'https://***@two.example.org/'],
      pip: ['a @ https://h/a.whl?sp=r&sig=s', 'https://h/b.whl?job=x&token=***', 'https://h/b.whl?job=y&token=t'],
    })
    expect(hiddenAddresses(restored)).toEqual(['https://***@two.example.org/', 'https://h/b.whl?job=x&token=***'])
  })

  it('are filled in from secrets where they are named, nowhere else, and fit for an address', () => {
    const value = [
      'https://u:${PIP_TOKEN}@h/${PIP_TOKEN}',
      'https://c/t/${CONDA_TOKEN}/main',
      '${PIP_TOKEN}',
      'https://${OTHER}@h/',
      'https://h/a?x=${PIP_TOKEN}&token=${PIP_TOKEN}',
      'https://h/a?${SAS}',
    ]
    expect(namedCredentials(value)).toEqual(['PIP_TOKEN', 'CONDA_TOKEN', 'OTHER', 'SAS'])
    const values: Readonly<Record<string, string>> = { PIP_TOKEN: "a/b@c'", CONDA_TOKEN: 't', SAS: '?sp=r&sig=a%2Fb%3D' }
    expect(fillCredentials(value, (name) => values[name])).toEqual([
      'https://u:a%2Fb%40c%27@h/${PIP_TOKEN}',
      'https://c/t/t/main',
      '${PIP_TOKEN}',
      'https://${OTHER}@h/',
      'https://h/a?x=${PIP_TOKEN}&token=a%2Fb%40c%27',
      'https://h/a?sp=r&sig=a%2Fb%3D',
    ])
  })
})
