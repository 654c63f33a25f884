import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { planRun } from '../src/project/index.ts'
import { describeTarget, files } from './planned-project.ts'
import { temporaryProject } from './project-folder.ts'

const runConfiguration = 'Target: docker\nFramework: Python\nTargetOptions:\n  memory: 4g\n  gpus: many\n'
const schema = toStandardJsonSchema(v.object({ memory: v.string(), gpus: v.number() }))

async function planWith(text: string, runOptions?: typeof schema): Promise<unknown> {
  await using project = await temporaryProject({ ...files, 'aml_config/docker.runconfig': text })
  const options = { runConfiguration: 'docker', script: 'train.py', arguments: [] }
  const plan = await planRun({ ...project, id: 'id1' }, options, async (target) => ({
    ...(await describeTarget(target)),
    ...(runOptions === undefined ? {} : { runOptions }),
  }))
  return plan.run?.options
}

it('passes on the options that the schema of the type accepts', async () => {
  expect(await planWith(runConfiguration.replace('many', '2'), schema)).toEqual({ memory: '4g', gpus: 2 })
})

it('refuses an option that does not fit, with its line', async () => {
  await expect(planWith(runConfiguration, schema)).rejects.toThrow(/docker\.runconfig:5:\d+: TargetOptions\.gpus: /)
})

it('refuses options for a type that takes none: they are never dropped', async () => {
  await expect(planWith(runConfiguration)).rejects.toThrow(
    /docker\.runconfig:3:\d+: the type docker of target docker takes no TargetOptions/,
  )
})
