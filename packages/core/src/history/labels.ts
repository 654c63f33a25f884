import type { HistoryDatabase } from './database.ts'
import type { Labels, Tag } from './run-record.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'

/** Properties are written once, tags change. */
export function storeLabel(database: HistoryDatabase, run: number, tag: Tag): void {
  const verb = tag.type === 'tag' ? 'REPLACE' : 'IGNORE'
  database
    .statement(`INSERT OR ${verb} INTO tags (run, type, name, value) VALUES (?, ?, ?, ?)`)
    .run(run, tag.type, toSqlText(tag.name), tag.value === undefined ? null : toSqlText(tag.value))
}

/** Writes all tags and properties of a run beside its row, where a list reads them. Call it after the last change of a transaction. */
export function keepLabels(database: HistoryDatabase, run: number): void {
  const labels = labelsOf(database, run)
  const text = (type: Tag['type']): string | null => {
    const named = namedLabels(labels, type)
    return Object.keys(named).length === 0 ? null : JSON.stringify(named)
  }
  database.statement('UPDATE runs SET tags = ?, properties = ? WHERE number = ?').run(text('tag'), text('property'), run)
}

export function labelsOf(database: HistoryDatabase, run: number): Tag[] {
  const rows = database.statement('SELECT type, name, value FROM tags WHERE run = ? ORDER BY type, name').all(run)
  return rows.map((row) => {
    const tag = { type: row['type'] === 'tag' ? ('tag' as const) : ('property' as const), name: fromSqlText(String(row['name'])) }
    return row['value'] === null ? tag : Object.assign(tag, { value: fromSqlText(String(row['value'])) })
  })
}

export function namedLabels(labels: readonly Tag[], type: Tag['type']): Labels {
  // Object.fromEntries and not assignment: a tag may be called `__proto__`.
  return Object.fromEntries(labels.filter((tag) => tag.type === type).map((tag) => [tag.name, tag.value ?? null]))
}

/** See {@link History.setLabels}; call it inside a transaction. */
export function setLabels(
  database: HistoryDatabase,
  run: number,
  { tags = {}, properties = {} }: { readonly tags?: Labels; readonly properties?: Readonly<Record<string, string>> },
): void {
  for (const [name, value] of Object.entries(tags)) {
    if (value === null) database.statement("DELETE FROM tags WHERE run = ? AND type = 'tag' AND name = ?").run(run, toSqlText(name))
    else storeLabel(database, run, { type: 'tag', name, value })
  }
  for (const [name, value] of Object.entries(properties)) storeLabel(database, run, { type: 'property', name, value })
  keepLabels(database, run)
}
