import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Subject } from '../suite.ts'
import type { Check } from '../trial.ts'

const targetWord = /^[a-z][a-z0-9-]*$/

/** What the definition says before anything of it runs. */
export function definitionChecks(): Check[] {
  return [
    {
      name: 'the definition says its contract, its type, a summary and what it can do',
      async body({ subject }) {
        const { contract, type, summary } = subject.definition
        assert.equal(contract, 1)
        assert.match(type, targetWord)
        assert.ok(summary.length > 0, 'the summary is not empty')
        const { environments, frameworks, logs } = await subject.capabilities()
        assert.ok(environments.length > 0 && frameworks.length > 0, 'there are environments and frameworks that it can run')
        assert.ok(['live', 'polled'].includes(logs), `logs are live or polled, not ${logs}`)
      },
    },
    { name: 'importing the definition loads neither the implementation nor an SDK', body: ({ subject }) => loadsNothingHeavy(subject) },
    {
      name: 'a good configuration is accepted and a bad one refused with the path of what is wrong',
      async body({ subject }) {
        const schema = subject.definition.config['~standard']
        assert.equal((await schema.validate(subject.config)).issues, undefined)
        assert.ok(subject.badConfigs.length > 0, 'the suite was given a bad configuration')
        for (const { config, path } of subject.badConfigs) {
          const { issues } = await schema.validate(config)
          const paths = (issues ?? []).map((issue) => (issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step)))
          const found = paths.some((steps) => steps.length === path.length && steps.every((step, index) => step === path[index]))
          assert.ok(
            found,
            `${JSON.stringify(config)} is refused at ${path.join('.')}; it is at: ${paths.map((steps) => steps.join('.')).join(', ')}`,
          )
          for (const issue of issues ?? []) assert.ok(issue.message.length > 0, 'each problem is described')
        }
      },
    },
    {
      name: 'the configuration and the run options print JSON Schema',
      async body({ subject }) {
        const { config, runOptions } = subject.definition
        for (const schema of runOptions === undefined ? [config] : [config, runOptions]) {
          const printed = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' })
          assert.deepEqual(JSON.parse(JSON.stringify(printed)), printed)
          assert.equal(typeof printed, 'object')
        }
        const keys = Object.keys(subject.config as object)
        const text = JSON.stringify(config['~standard'].jsonSchema.input({ target: 'draft-2020-12' }))
        for (const key of keys) assert.ok(text.includes(JSON.stringify(key)), `the schema names the key ${key}`)
      },
    },
  ]
}

/** Notes every module that node resolves while it imports the definition and then its implementation, and which names can be resolved from any of them at all. */
const loadingProgram = `
import { createRequire, registerHooks } from 'node:module'
const [address, names] = [process.argv[1], JSON.parse(process.argv[2])]
let loaded = []
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    loaded.push(specifier, found.url)
    return found
  },
})
const { default: definition } = await import(address)
const before = loaded
loaded = []
await definition.load()
const places = new Set([address, ...loaded.filter((found) => found.startsWith('file:'))])
const resolves = (place, name) => {
  try {
    return createRequire(place).resolve(name) !== ''
  } catch {
    return false
  }
}
const resolvable = names.filter((name) => !name.startsWith('file:') && [...places].some((place) => resolves(place, name)))
console.log(JSON.stringify({ before, known: [...loaded, ...resolvable] }))
`

async function loadsNothingHeavy({ module, heavy }: Subject): Promise<void> {
  assert.ok(heavy.length > 0, 'the suite was told what is heavy')
  const names = heavy.map((name) => (name.startsWith('.') ? new URL(name, module).href : name))
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    loadingProgram,
    module.href,
    JSON.stringify(names),
  ])
  const { before, known } = JSON.parse(stdout) as { before: string[]; known: string[] }
  const includes = (loaded: readonly string[], name: string) => loaded.some((found) => found === name || found.startsWith(`${name}/`))
  assert.ok(includes(before, module.href), 'the definition was imported')
  for (const name of names) {
    assert.ok(!includes(before, name), `importing the definition loads ${name}`)
    assert.ok(includes(known, name), `${name} is nothing that the implementation loads: mend the list of heavy modules`)
  }
}
