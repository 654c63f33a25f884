import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { dropCredentials } from '@errand/core'
import { expect, it } from 'vitest'

const source = join(import.meta.dirname, '..', 'python')

/** What an installer may print, and what its log may hold of it. */
const table: readonly (readonly [string, string])[] = [
  [
    'Looking in indexes: https://pypi.org/simple, https://me:c4nary@h/simple',
    'Looking in indexes: https://pypi.org/simple, https://***@h/simple',
  ],
  ['git clone ssh://git@h/a.git', 'git clone ssh://git@h/a.git'],
  [`error for url (https://me:c4'na"ry<@h:8443/simple)`, 'error for url (https://***@h:8443/simple)'],
  ['https://me:c4/na#ry@h/simple', 'https://***@h/simple'],
  ['$ conda create --channel https://h/t/c4nary/team --file specs.txt', '$ conda create --channel https://h/t/***/team --file specs.txt'],
  ['Looking in links: https://h/links?token=c4nary, https://h/b', 'Looking in links: https://h/links?***, https://h/b'],
  ['url (https://h/a.whl?job=build&private_token=c4nary)', 'url (https://h/a.whl?job=build&***)'],
  ['"https://h/a.whl?api_key=c4nary&job=build#sha256=0f"', '"https://h/a.whl?***&job=build#sha256=0f"'],
  ['a @ https://h/a.whl?sv=2022&se=2027&sig=c4na%2Fry', 'a @ https://h/a.whl?***'],
  ['https://h/a.whl?X-Amz-Credential=c4nary&X-Amz-Signature=c4nary', 'https://h/a.whl?***'],
  ['pip install --proxy me:c4nary@h:3128 six', 'pip install --proxy ***@h:3128 six'],
  ['https://h:8443/a@b?version=3&monkey=1&keys', 'https://h:8443/a@b?version=3&monkey=1&keys'],
]

it('knows of credentials at the place what it knows of them here', () => {
  const program = 'import json, sys, place_credentials as p; print(json.dumps([[p.hidden(t), p.dropped(t)] for t in json.load(sys.stdin)]))'
  const answer = execFileSync('python3', ['-c', program], {
    cwd: source,
    input: JSON.stringify(table.map(([text]) => text)),
    encoding: 'utf8',
  })
  expect(JSON.parse(answer)).toEqual(table.map(([text, hidden]) => [hidden, dropCredentials(text)]))
})
