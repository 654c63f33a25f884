import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { contextFolders } from '../context.ts'
import { finalStatus, findReport, hasReported, reportMark, reportOf } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

const long = 'long '.repeat(20_000)

/** What shells, JSON, YAML and quoting by hand are known to spoil. */
const difficult: Readonly<Record<string, string>> = {
  plain: 'plain',
  empty: '',
  blanks: '  two  words ',
  apostrophe: "it's",
  quotes: 'say "hi"',
  both: `'"'"'`,
  substitution: '$(touch injected)',
  backticks: '`touch injected`',
  variable: '$HOME ${HOME} %PATH% $$',
  lines: 'one\ntwo\r\nthree\n',
  tab: 'a\tb',
  bell: 'a\u0007b',
  unicode: 'Grüße 漢字 🚀 e\u0301',
  backslashes: 'C:\\new\\table\\',
  operators: 'a; b && c | d > e < f & g',
  star: '*',
  glob: '?[a-z]*.py',
  tilde: '~/x',
  exclamation: 'wow!!',
  hash: '# no comment',
  braces: '{"json": [1, "two"]} {a,b}',
  equals: 'a=b=c',
  long,
}

/** As arguments only: words that look like options of whatever starts the script. */
const optionLike = ['-x', '--version', '--', '-', '-c', '--name=value', '@file']

const script = `
import json, os, sys
print('${reportMark}' + json.dumps({'arguments': sys.argv[1:], 'variables': dict(os.environ), 'injected': os.path.exists('injected')}))
`

interface Seen {
  readonly arguments: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  readonly injected: boolean
}

const holdingScript = `
import hashlib, json, os, sys, time
secret = os.environ.get('ERRAND_TESTKIT_SECRET', '')
print('${reportMark}' + json.dumps(hashlib.sha256(secret.encode('utf-8')).hexdigest()))
sys.stdout.flush()
time.sleep(600)
`

/** What a script is given arrives to the byte. */
export function argumentChecks(): Check[] {
  return [
    {
      name: 'arguments arrive to the byte',
      async body(trial) {
        const given = [...optionLike, ...Object.values(difficult), '']
        const seen = await seenBy(trial, { arguments: given })
        assert.equal(seen.arguments.length, given.length)
        given.forEach((argument, index) => assertSameText(seen.arguments[index], argument, `argument ${index}`))
        assert.equal(seen.injected, false, 'no argument is run by a shell')
      },
    },
    {
      name: 'variables arrive to the byte',
      async body(trial) {
        const given = Object.fromEntries(Object.entries(difficult).map(([name, value]) => [`errand_testkit_${name}`, value]))
        const request = { ...given, ERRAND_TESTKIT_UPPER: 'upper' }
        const seen = await seenBy(trial, { variables: request })
        for (const [name, value] of Object.entries(request)) assertSameText(seen.variables[name], value, `variable ${name}`)
        assert.equal(seen.injected, false, 'no variable is run by a shell')
      },
    },
    { name: 'secret variables reach the script and are told and kept nowhere', body: keepsSecrets },
  ]
}

async function seenBy(
  trial: Trial,
  changes: { arguments?: readonly string[]; variables?: Readonly<Record<string, string>> },
): Promise<Seen> {
  const reference = await trial.start({ 'main.py': script }, changes)
  const events = await trial.events(reference)
  assert.equal(finalStatus(events).state, 'completed')
  return reportOf(events) as Seen
}

function assertSameText(actual: string | undefined, expected: string, what: string): void {
  const short = (text: string | undefined) => (text !== undefined && text.length > 200 ? `${text.length} characters` : JSON.stringify(text))
  assert.ok(actual === expected, `${what} arrived as ${short(actual)} instead of ${short(expected)}`)
}

async function keepsSecrets(trial: Trial): Promise<void> {
  const secret = trial.secretVariables['ERRAND_TESTKIT_SECRET'] ?? ''
  assert.ok(!(await errorOfSubmit(trial)).includes(secret), 'no error holds the secret')
  const request = await trial.request({ 'main.py': holdingScript }, { secretVariables: ['ERRAND_TESTKIT_SECRET'] })
  const plan = await trial.step((target, options) => target.plan(request, options))
  const reference = await trial.submit(request)
  // The script holds the secret while the place is searched.
  const running = await trial.events(reference, hasReported())
  assert.equal(findReport(running), createHash('sha256').update(secret).digest('hex'), 'the script got the secret')
  const files = await trial.subject.filesAtPlace?.(request.runId)
  await trial.onRun(reference, (handle, options) => handle.cancel(options))
  const events = await trial.events(reference)
  const status = await trial.onRun(reference, (handle, options) => handle.status(options))
  const output = events.map((event) => (event.type === 'log' ? Buffer.from(event.data).toString('latin1') : JSON.stringify(event))).join('')
  assert.ok(!output.includes(secret), 'no event holds the secret')
  assert.ok(!JSON.stringify([plan, reference, status, events.map(({ cursor }) => cursor)]).includes(secret), 'no answer holds the secret')
  assert.ok(!trial.said.join('\n').includes(secret), 'no progress and no message of the target holds the secret')
  if (files === undefined) return
  assert.ok(files.length > 0, 'the place was searched')
  const kept = files.filter(({ content }) => Buffer.from(content).includes(secret)).map(({ path }) => path)
  assert.deepEqual(kept, [], 'no file of the place holds the secret after the start')
}

/** All that is said of a submit that fails, since the content of its script is gone. */
async function errorOfSubmit(trial: Trial): Promise<string> {
  const files = { 'main.py': `${holdingScript}# sent to nobody` }
  const request = await trial.request(files, { secretVariables: ['ERRAND_TESTKIT_SECRET'] })
  await rm(join(trial.directory, contextFolders.objects), { recursive: true })
  const error: unknown = await trial.submit(request).then(
    () => assert.fail('a submit of a script whose content is gone rejects'),
    (reason: unknown) => reason,
  )
  const begun = await trial.step((target, options) => target.find(request.runId, options))
  if (begun !== undefined) trial.remember(begun)
  return inspect(error, { depth: 10, showHidden: true })
}
