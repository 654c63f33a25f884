import { defineTarget } from '@errand/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

/** The keys of a `.compute` file with `type: as-user`. */
const config = v.object({
  user: v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_-]*$/, 'must be the name of a user'), v.description('Who runs the script.')),
  pythonLocation: v.optional(v.pipe(v.string(), v.description('Interpreter that runs the script.')), 'python3'),
})

export type AsUserConfig = v.InferOutput<typeof config>

export default defineTarget({
  contract: 1,
  type: 'as-user',
  summary: 'another user of this machine, who can neither read nor spoil your files',
  config: toStandardJsonSchema(config),
  capabilities: { environments: ['user-managed'], frameworks: ['python', 'pyspark'], logs: 'live' },
  load: () => import('./implementation.ts'),
})
