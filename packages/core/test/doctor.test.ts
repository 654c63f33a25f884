import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ErrandError } from '../src/errors.ts'
import { type TargetCatalogue, doctor, openSurroundings } from '../src/run/index.ts'
import type { Finding, Target, TargetDefinition } from '../src/target.ts'
import { definitionOf } from './scripted-run.ts'

const away: Finding = { name: 'machine', outcome: 'failed', detail: 'is away' }
const absent: Finding = { name: 'engine', outcome: 'failed', detail: 'there is none', absent: true }

function definitionThatFinds(finding: Finding): TargetDefinition {
  const unused = (): never => {
    throw new Error('the doctor has no business here')
  }
  const target: Target = {
    async *check() {
      yield finding
    },
    plan: unused,
    prepare: unused,
    submit: unused,
    find: unused,
    attach: unused,
    leftovers: unused,
    removeLeftover: unused,
    [Symbol.asyncDispose]: async () => {},
  }
  return definitionOf(target, {})
}

const notInstalled: TargetCatalogue = {
  definition: () => Promise.reject(new ErrandError('TARGET_TYPE_NOT_INSTALLED', 'The target type "there" is not installed.')),
}
const finds = (finding: Finding): TargetCatalogue => ({ definition: async () => definitionThatFinds(finding) })

it.each([
  ['a type that is not installed', notInstalled, undefined, 'warning'],
  ['a type that is not installed', notInstalled, 'there', 'failed'],
  ['a program that was never installed', finds(absent), undefined, 'warning'],
  ['a program that was never installed', finds(absent), 'there', 'failed'],
  ['a machine that is away', finds(away), undefined, 'failed'],
  ['a machine that is away', finds(away), 'there', 'failed'],
])('%s, looked at by -c %3$s, is %4$s', async (_, targets, runConfiguration, expected) => {
  const directory = mkdtempSync(join(tmpdir(), 'errand-doctor-'))
  try {
    mkdirSync(join(directory, 'aml_config'))
    writeFileSync(join(directory, 'aml_config/there.compute'), 'type: there\n')
    writeFileSync(join(directory, 'aml_config/there.runconfig'), 'Target: there\nFramework: Python\nArgumentVector: [$file]\n')
    const log = { debug() {}, info() {}, warn() {} }
    const ask = () => Promise.reject(new Error('nobody is there'))
    const surroundings = await openSurroundings({ projectDirectory: directory, targets, log, ask })
    const options = { signal: AbortSignal.timeout(600_000), report() {}, ...(runConfiguration === undefined ? {} : { runConfiguration }) }
    const findings = []
    for await (const finding of doctor(surroundings, options)) findings.push(finding)
    const bad = findings.filter(({ about, outcome }) => about === 'target there' && outcome !== 'ok')
    expect(bad.map(({ outcome }) => outcome)).toEqual([expected])
    // Behind a target that can't be used its environment is no question.
    expect(findings.map(({ about }) => about)).not.toContain('run configuration there')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
