import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { testTarget } from '../src/index.ts'
import { checksOf, definitionModule, definitionOf, lightModule, placeSchema, runCheck, suiteOf } from './definition-fixture.ts'
import { idleTarget } from './idle-target.ts'

// A folder of its own for all that is temporary here: other tests come and go in the usual one.
const temporary = mkdtempSync(join(tmpdir(), 'errand-kit-'))
process.env['TMPDIR'] = temporary
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

const ofDefinition = 4

describe('the suite', () => {
  it('gives every check a sentence of its own for a name', () => {
    const names: string[] = []
    testTarget((name) => void names.push(name), suiteOf(idleTarget()))
    expect(names.length).toBeGreaterThan(40)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^fixture: [a-z0-9].* .*[^. ]$/)
  })

  it('is content with no part of a target that does nothing', async () => {
    const suite = suiteOf(idleTarget(), { sharedFolder: '/nowhere', patience: 10 })
    const content: string[] = []
    for (const [name, body] of [...checksOf(suite)].slice(ofDefinition)) {
      await body().then(
        () => content.push(name),
        () => {},
      )
    }
    expect(content).toEqual([])
  })

  it('removes the runs of a check that failed, closes every target and leaves no folder', async () => {
    const target = idleTarget({ state: 'completed' })
    await expect(runCheck(suiteOf(target), 'exit code 3')).rejects.toThrow('completed')
    expect(target.calls.filter((call) => call === 'submit')).toHaveLength(1)
    expect(target.calls.at(-3)).toBe('remove')
    const opened = target.calls.filter((call) => call === 'close').length
    expect(opened).toBeGreaterThan(3)
    expect((await readdir(temporary)).filter((name) => !name.startsWith('errand-testkit-module-'))).toEqual([])
  })

  it('cancels what is still running before it removes it', async () => {
    const target = idleTarget({ state: 'running' })
    await expect(runCheck(suiteOf(target), 'exit code 3')).rejects.toThrow('final status')
    expect(target.calls.slice(-4)).toEqual(['cancel', 'remove', 'close handle', 'close'])
  })

  it('gives up a check of a target that neither answers nor listens to the signal', async () => {
    const deaf = { ...idleTarget(), find: () => new Promise<undefined>(() => {}) }
    await expect(runCheck(suiteOf(deaf, { patience: 0.2 }), 'find knows')).rejects.toThrow('not over after 0.2 seconds')
  })

  it('says so when the configuration that it was given is not valid', async () => {
    await expect(runCheck(suiteOf(idleTarget(), { config: {} }), 'check looks')).rejects.toThrow('is no text')
  })

  it('opens the target as it is told', async () => {
    const target = idleTarget()
    const addresses: string[] = []
    const suite = suiteOf(target, {
      open(context) {
        addresses.push(context.config.address)
        return target
      },
    })
    await expect(runCheck(suite, 'check looks')).rejects.toThrow('at least one finding')
    expect(new Set(addresses)).toEqual(new Set(['here']))
  })
})

describe('the checks of a definition', () => {
  const imports = 'importing the definition'
  const configuration = 'a good configuration'
  const printing = 'the configuration and the run options'
  const description = 'the definition says'

  it('pass a good one', async () => {
    const suite = suiteOf(idleTarget(), { module: definitionModule(lightModule) })
    for (const name of [imports, configuration, printing, description]) await expect(runCheck(suite, name)).resolves.toBeUndefined()
  })

  it('fail one that imports its implementation', async () => {
    const module = definitionModule(
      `import * as implementation from './implementation.mjs'\nexport default { load: async () => implementation }\n`,
    )
    await expect(runCheck(suiteOf(idleTarget(), { module }), imports)).rejects.toThrow(/loads .*implementation\.mjs/)
  })

  it('fail one that imports what its implementation needs', async () => {
    const module = definitionModule(`import './heavy.mjs'\n${lightModule}`)
    await expect(runCheck(suiteOf(idleTarget(), { module }), imports)).rejects.toThrow(/loads .*heavy\.mjs/)
  })

  it('fail a list of heavy modules that names what nobody loads, or nothing', async () => {
    const module = definitionModule(lightModule)
    const misspelt = ['./implementation.mjs', 'no-such-package']
    await expect(runCheck(suiteOf(idleTarget(), { module, heavy: misspelt }), imports)).rejects.toThrow('no-such-package is nothing')
    await expect(runCheck(suiteOf(idleTarget(), { module, heavy: [] }), imports)).rejects.toThrow('told what is heavy')
  })

  it('fail one whose schema takes what it should refuse, or objects at another place', async () => {
    const accepted = suiteOf(idleTarget(), { badConfigs: [{ config: { address: 'fine' }, path: ['address'] }] })
    await expect(runCheck(accepted, configuration)).rejects.toThrow('is refused at address')
    const elsewhere = suiteOf(idleTarget(), { badConfigs: [{ config: { address: 3 }, path: ['port'] }] })
    await expect(runCheck(elsewhere, configuration)).rejects.toThrow('it is at: address')
    await expect(runCheck(suiteOf(idleTarget(), { badConfigs: [] }), configuration)).rejects.toThrow('given a bad configuration')
  })

  it('fail one whose schema can not be printed or leaves keys out', async () => {
    const unprintable = () => {
      throw new Error('a transform can not be printed')
    }
    const printed = (input: () => Record<string, unknown>) => {
      const config = { '~standard': { ...placeSchema['~standard'], jsonSchema: { input, output: input } } }
      return suiteOf(idleTarget(), { definition: definitionOf(idleTarget(), { config }) })
    }
    await expect(runCheck(printed(unprintable), printing)).rejects.toThrow('a transform')
    await expect(
      runCheck(
        printed(() => ({ type: 'object', properties: {} })),
        printing,
      ),
    ).rejects.toThrow('names the key address')
  })

  it('fail one whose words are no words', async () => {
    const described = (changes: Parameters<typeof definitionOf>[1]) =>
      suiteOf(idleTarget(), { definition: definitionOf(idleTarget(), changes) })
    await expect(runCheck(described({ type: 'My Type' }), description)).rejects.toThrow('My Type')
    await expect(runCheck(described({ summary: '' }), description)).rejects.toThrow('summary')
    const capabilities = { environments: [], frameworks: [], logs: 'live' } as const
    await expect(runCheck(described({ capabilities: () => capabilities }), description)).rejects.toThrow('environments and frameworks')
  })
})
