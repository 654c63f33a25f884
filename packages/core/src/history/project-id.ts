import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { migrations } from './schema.ts'

/**
 * The id of a project's history, read without leaving a trace beside it, so that a plan can name it also where nothing may be written.
 * Undefined where there is no history yet, or none that can be read.
 */
export function projectIdOf(projectDirectory: string): string | undefined {
  const file = resolve(projectDirectory, '.errand', 'history.db')
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined
  const alone = pathToFileURL(file)
  alone.searchParams.set('immutable', '1')
  try {
    const database = new DatabaseSync(alone, { readOnly: true })
    try {
      if (Number(database.prepare('PRAGMA user_version').get()?.['user_version']) > migrations.length) return undefined
      const id = database.prepare("SELECT value FROM project WHERE key = 'id'").get()?.['value']
      return typeof id === 'string' ? id : undefined
    } finally {
      database.close()
    }
  } catch {
    return undefined
  }
}
