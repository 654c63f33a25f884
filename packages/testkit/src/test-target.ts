import { randomBytes } from 'node:crypto'
import type { Target, TargetContext } from '@errand/core'
import { argumentChecks } from './checks/arguments.ts'
import { callChecks } from './checks/calls.ts'
import { cancelChecks } from './checks/cancel.ts'
import { definitionChecks } from './checks/definition.ts'
import { endingChecks } from './checks/endings.ts'
import { logChecks } from './checks/log.ts'
import { outputChecks } from './checks/outputs.ts'
import { placeChecks } from './checks/place.ts'
import { projectChecks } from './checks/project.ts'
import { removalChecks } from './checks/removal.ts'
import { submitChecks } from './checks/submit.ts'
import { createTestContext } from './context.ts'
import { reportInto } from './report.ts'
import { type It, type OpenOptions, type Subject, type TargetSuite, capabilitiesOf } from './suite.ts'
import { type Check, graceOf, projectName, runCheck, type TrialSettings } from './trial.ts'

const defaultPatience = 180
/** Seconds for removing what a check made, beyond the check's own. */
const removal = 460

/**
 * Registers, with the `it` of any runner, one test for each behaviour that a target must show. Between any two steps the target is closed
 * and another one opened, since that is how runs are looked at in life. Every check removes the runs it made. Scripts need nothing but
 * Python's standard library.
 */
export function testTarget<Config, Options>(it: It, suite: TargetSuite<Config, Options>): void {
  const subject = subjectOf(suite)
  const settings: TrialSettings = {
    subject,
    projectId: `testkit-${randomBytes(8).toString('hex')}`,
    secretVariables: { ERRAND_TESTKIT_SECRET: randomBytes(24).toString('hex') },
  }
  const grace = graceOf(subject)
  const checks = allChecks(subject).filter(({ name }) => suite.only?.test(name) ?? true)
  const noted =
    suite.report === undefined
      ? (_name: string, body: () => Promise<void>) => body()
      : reportInto(
          suite.report,
          suite.name,
          checks.map(({ name }) => name),
        )
  for (const check of checks) {
    const seconds = (subject.patience ?? defaultPatience) + (check.extraTime?.(grace) ?? 0)
    it(
      `${suite.name}: ${check.name}`,
      () => noted(check.name, () => runCheck(check, settings, seconds)),
      (seconds + removal + grace) * 1000,
    )
  }
}

/** Made anew for each suite: some of them share a run. */
function allChecks(subject: Subject): Check[] {
  return [
    ...definitionChecks(),
    ...placeChecks(),
    ...submitChecks(),
    ...argumentChecks(),
    ...projectChecks(),
    ...outputChecks(),
    ...endingChecks(),
    ...logChecks(),
    ...cancelChecks(),
    ...removalChecks(),
    ...callChecks(subject),
  ]
}

function subjectOf<Config, Options>(suite: TargetSuite<Config, Options>): Subject {
  const { definition, config, secrets = {} } = suite

  async function validated(): Promise<Config> {
    const result = await definition.config['~standard'].validate(config)
    if (result.issues === undefined) return result.value
    throw new Error(`The configuration given to the suite is not valid: ${result.issues.map(({ message }) => message).join('; ')}`)
  }

  async function open({ directory, projectId, secretVariables, onLog }: OpenOptions): Promise<Target> {
    const context: TargetContext<Config> = createTestContext({
      config: await validated(),
      secrets: { ...secrets, ...secretVariables },
      directory,
      type: definition.type,
      project: { name: projectName, id: projectId },
      onLog,
    })
    if (suite.open !== undefined) return suite.open(context)
    const implementation = await definition.load()
    return implementation.createTarget(context)
  }

  return { ...suite, capabilities: async () => capabilitiesOf(definition, await validated()), open }
}
