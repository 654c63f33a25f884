import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Schema, Target, TargetDefinition } from '@errand/core'
import { type TargetSuite, testTarget } from '../src/index.ts'

export interface Place {
  readonly address: string
}

/** A schema by hand: `address` is a text. */
export const placeSchema: Schema<Place> = {
  '~standard': {
    version: 1,
    vendor: 'by-hand',
    validate(value) {
      const address = typeof value === 'object' && value !== null && 'address' in value ? value.address : undefined
      return typeof address === 'string' ? { value: { address } } : { issues: [{ message: 'is no text', path: ['address'] }] }
    },
    jsonSchema: {
      input: () => ({ type: 'object', properties: { address: { type: 'string' } } }),
      output: () => ({ type: 'object', properties: { address: { type: 'string' } } }),
    },
  },
}

export function definitionOf(target: Target, changes: Partial<TargetDefinition<Place>> = {}): TargetDefinition<Place> {
  return {
    contract: 1,
    type: 'fixture',
    summary: 'a target of the tests',
    config: placeSchema,
    capabilities: { environments: ['user-managed'], frameworks: ['python'], logs: 'live' },
    load: async () => ({ createTarget: () => target }),
    ...changes,
  }
}

/** A folder with a definition module as `source` says, and beside it an implementation that imports a heavy module. */
export function definitionModule(source: string): URL {
  const folder = mkdtempSync(join(tmpdir(), 'errand-testkit-module-'))
  writeFileSync(join(folder, 'target.mjs'), source)
  writeFileSync(join(folder, 'implementation.mjs'), "import './heavy.mjs'\nexport const createTarget = () => {}\n")
  writeFileSync(join(folder, 'heavy.mjs'), 'export const heavy = true\n')
  return pathToFileURL(join(folder, 'target.mjs'))
}

export const lightModule = "export default { load: () => import('./implementation.mjs') }\n"

export function suiteOf(target: Target, changes: Partial<TargetSuite<Place>> = {}): TargetSuite<Place> {
  return {
    name: 'fixture',
    definition: definitionOf(target),
    module: new URL('file:///nowhere/target.mjs'),
    heavy: ['./implementation.mjs', './heavy.mjs'],
    config: { address: 'here' },
    badConfigs: [{ config: { address: 3 }, path: ['address'] }],
    grace: 0,
    ...changes,
  }
}

/** The checks of a suite by name, to be run one by one. */
export function checksOf(suite: TargetSuite<Place>): ReadonlyMap<string, () => Promise<void>> {
  const checks = new Map<string, () => Promise<void>>()
  testTarget((name, body) => void checks.set(name.replace(`${suite.name}: `, ''), body), suite)
  return checks
}

/** Runs one check whose name begins with these words. */
export async function runCheck(suite: TargetSuite<Place>, beginning: string): Promise<void> {
  const found = [...checksOf(suite)].filter(([name]) => name.startsWith(beginning))
  const [check] = found
  if (check === undefined || found.length > 1) throw new Error(`${found.length} checks begin with ${beginning}`)
  await check[1]()
}
