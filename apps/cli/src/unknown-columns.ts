import { ErrandError } from '@errand/core'
import type { History } from '@errand/core/history'

/** Names in a hint: a project may log hundreds of metrics. */
const mostNames = 30

/**
 * Throws when columns were asked for that no run of the project has, whatever the list is narrowed to; of a project without runs nothing can
 * be said. Error: `COLUMN_UNKNOWN`.
 */
export async function refuseUnknownColumns(history: History, columns: readonly string[], now: Date): Promise<void> {
  const { fieldNames, listedRun, metricNames, unknownFields } = await import('@errand/core/history')
  let unknown = columns
  const own = new Set<string>()
  for (const page of history.pages({}, () => undefined)) {
    const runs = page.map((run) => listedRun(run, now))
    unknown = unknownFields(runs, unknown)
    if (unknown.length === 0) return
    for (const name of metricNames(runs)) own.add(name)
    for (const { run } of runs) for (const name of Object.keys(run.tags)) own.add(`tags.${name}`)
  }
  if (history.list({ limit: 1 }, () => undefined).length === 0) return
  const { didYouMean } = await import('@errand/core/project')
  const near = unknown.flatMap((name) => didYouMean(name, [...own, ...fieldNames]) ?? [])
  const names = [...own].slice(0, mostNames)
  const more = own.size > names.length ? ` and ${own.size - names.length} more` : ''
  const known = [`Columns: ${fieldNames.join(', ')}`, ...(names.length === 0 ? [] : [`Metrics and tags: ${names.join(', ')}${more}`])]
  throw new ErrandError('COLUMN_UNKNOWN', `No run has the column ${unknown.join(' or ')}.`, { hint: [...near, ...known].join('\n') })
}
