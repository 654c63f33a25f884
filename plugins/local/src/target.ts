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
  userManagedEnvironment: v.optional(v.pipe(v.boolean(), v.description('Local runs always use your own Python as it is.')), true),
})

export type LocalConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'local',
  summary: 'your own Python on this machine',
  config: toStandardJsonSchema(config),
  capabilities: { environments: ['user-managed'], frameworks: ['python', 'pyspark'], logs: 'live' },
  load: () => import('./implementation.ts'),
})
