import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The Python package as it is sent to a place: its files by relative path, and the hash that names its folder at every place. */
export interface AgentFiles {
  readonly hash: string
  readonly files: Readonly<Record<string, string>>
}

const source = fileURLToPath(new URL('../python/', import.meta.url))

/** Reads the agent that this package carries (some 100 kB of text). The hash covers paths and contents, so that a changed agent never meets an old one. */
export function readAgentFiles(): AgentFiles {
  const names = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.py'))
    .map((entry) => join(entry.parentPath, entry.name).slice(source.length).replaceAll('\\', '/'))
    .filter((name) => name.startsWith('errand_agent'))
    .toSorted()
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(source, name), 'utf8')]))
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16)
  return { hash, files }
}
