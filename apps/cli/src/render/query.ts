import { ErrandError, errorMessage } from '@errand/core'
import { search } from '@jmespath-community/jmespath'
import type { JSONValue } from '@jmespath-community/jmespath'

/** Picks from a value with a JMESPath expression. @throws ErrandError QUERY_INVALID */
export function query(value: unknown, expression: string, plain = false): unknown {
  try {
    // Through JSON, so that the expression sees what the output would hold: no undefined, dates as text.
    const data = plain ? (value as JSONValue) : (JSON.parse(JSON.stringify(value) ?? 'null') as JSONValue)
    return search(data, expression)
  } catch (error) {
    throw new ErrandError('QUERY_INVALID', `The query ${JSON.stringify(expression)} can't be used: ${errorMessage(error)}.`, {
      hint: 'It is a JMESPath expression, for example: --query "[?status==\'Completed\'].run_id"',
      cause: error,
    })
  }
}
