import { statSync } from 'node:fs'
import type { HistoryDatabase } from './database.ts'

/**
 * The time up to which runs of this history may be runs of another one as well, since its file is another than it was: the project was copied,
 * or moved to another disk. ISO 8601; undefined when the file has always been the same.
 */
export function sharedUntil(database: HistoryDatabase): string | undefined {
  const { file } = database
  const inode = String(statSync(file).ino)
  const known = valueOf(database, 'inode')
  if (known === inode) return valueOf(database, 'shared_until')
  const now = new Date().toISOString()
  try {
    database.write(() => {
      setValue(database, 'inode', inode)
      if (known !== undefined) setValue(database, 'shared_until', now)
    })
  } catch {
    // Nothing can be written here: then no run can be ended here either.
  }
  return known === undefined ? undefined : now
}

function valueOf(database: HistoryDatabase, key: string): string | undefined {
  const value = database.statement('SELECT value FROM project WHERE key = ?').get(key)?.['value']
  return typeof value === 'string' ? value : undefined
}

function setValue(database: HistoryDatabase, key: string, value: string): void {
  database.statement('INSERT OR REPLACE INTO project (key, value) VALUES (?, ?)').run(key, value)
}
