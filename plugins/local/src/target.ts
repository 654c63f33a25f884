import { defineTarget } from '@errand/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const config = v.object({
  pythonLocation: v.optional(
    v.pipe(v.string(), v.description('Interpreter that runs the script: a path, or a name on the PATH.')),
    'python',
  ),
  sparkSubmitLocation: v.optional(v.pipe(v.string(), v.description('Program that starts Spark, for Framework: PySpark.')), 'spark-submit'),
  nativeSharedDirectory: v.optional(v.pipe(v.string(), v.description('Base of the folder that several runs share. Absent: none.'))),
  userManagedEnvironment: v.optional(
    v.pipe(v.boolean(), v.description('true: runs use your own Python as it is. false: an environment is made from the dependency file.')),
    true,
  ),
  environmentProvider: v.optional(
    v.pipe(
      v.picklist(['micromamba', 'mamba', 'conda', 'rattler', 'uv']),
      v.description('What makes environments. Absent: the best that is there.'),
    ),
  ),
  condaLocation: v.optional(v.pipe(v.string(), v.description('Path of micromamba, mamba, conda or uv. Absent: as found on the PATH.'))),
})

export type LocalConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'local',
  summary: 'a process on this machine',
  config: toStandardJsonSchema(config),
  capabilities: { environments: ['user-managed', 'conda', 'requirements'], frameworks: ['python', 'pyspark'], logs: 'live' },
  load: () => import('./implementation.ts'),
})
