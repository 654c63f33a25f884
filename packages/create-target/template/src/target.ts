import { defineTarget } from '@errand/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

/** The keys of a `.compute` file with `type: mytarget`. Their descriptions become the help of `computetarget attach mytarget`. */
const config = v.object({
  command: v.pipe(
    v.array(v.string()),
    v.minLength(1),
    v.description('The words that lead to the place; what is run there stands behind them.'),
  ),
  pythonLocation: v.optional(v.pipe(v.string(), v.description('Interpreter that runs the script there.')), 'python3'),
  errandHome: v.optional(v.pipe(v.string(), v.description('Folder there for everything of errand. Absent: .errand in the home.'))),
})

export type MyTargetConfig = v.InferOutput<typeof config>

/** Data and one lazy import: listing the targets loads nothing that runs one. */
export default defineTarget({
  contract: 1,
  type: 'mytarget',
  summary: 'a place that a command leads to',
  config: toStandardJsonSchema(config),
  capabilities: { environments: ['user-managed'], frameworks: ['python', 'pyspark'], logs: 'live' },
  load: () => import('./implementation.ts'),
})
