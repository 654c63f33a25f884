import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrandError, errorCode, errorMessage } from '@errand/core'

/** What oclif reads of the folder's package.json: packages whose commands it loads, and folders that are used where they are. */
export interface OclifPlugin {
  readonly name: string
  readonly type: 'user' | 'link'
  /** Of a linked one: its folder. */
  readonly root?: string
  readonly tag?: string
}

/** The package.json of the folder that the user's plugins are installed into. npm keeps `dependencies`, this program the rest. */
export interface PluginFolderFile {
  readonly private: true
  readonly dependencies?: Readonly<Record<string, string>>
  readonly oclif: { readonly schema: 1; readonly plugins: readonly OclifPlugin[] }
}

/** @throws ErrandError PLUGINS_UNREADABLE, with the way to begin anew */
export function readPluginFolder(directory: string): PluginFolderFile {
  const path = join(directory, 'package.json')
  try {
    const json = JSON.parse(readFileSync(path, 'utf8')) as Partial<PluginFolderFile>
    return { ...json, private: true, oclif: { schema: 1, plugins: json.oclif?.plugins ?? [] } }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { private: true, oclif: { schema: 1, plugins: [] } }
    throw new ErrandError('PLUGINS_UNREADABLE', `The list of installed plugins ${path} can't be read: ${errorMessage(error)}.`, {
      hint: `Delete ${directory} and install the plugins again.`,
      cause: error,
    })
  }
}

/** In one step, so that a command that starts meanwhile reads the old list or the new one. */
export function writePluginFolder(directory: string, file: PluginFolderFile): void {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, 'package.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(file, undefined, 2)}\n`)
  renameSync(`${path}.new`, path)
}

/** One change of the folder at a time. The lock is SQLite's: it ends with the process that holds it, however that ends. */
export async function lockPluginFolder(directory: string, wait: { readonly signal: AbortSignal; waiting(): void }): Promise<Disposable> {
  mkdirSync(directory, { recursive: true })
  const database = new DatabaseSync(join(directory, 'lock.db'))
  for (let tries = 0; ; tries += 1) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return { [Symbol.dispose]: () => database.close() }
    } catch (error) {
      if (!errorMessage(error).includes('locked')) throw error
    }
    if (tries === 5) wait.waiting()
    await sleep(100, undefined, { signal: wait.signal }).catch((error: unknown) => {
      database.close()
      throw error
    })
  }
}
