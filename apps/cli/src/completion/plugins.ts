import { existsSync, globSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Manifest, ManifestCommand } from '../manifest.ts'

/** Where the user's plugins are installed, as oclif finds it (its `dataDir`). */
export function pluginDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { ERRAND_DATA_DIR: own, XDG_DATA_HOME: data, LOCALAPPDATA: local } = environment
  const base = data || (process.platform === 'win32' && local) || join(homedir(), '.local', 'share')
  return own || join(base, 'errand')
}

interface PluginList {
  readonly oclif?: { readonly plugins?: readonly { readonly name: string; readonly root?: string }[] }
}

/** The commands of the user's plugins, without running any of their code. One that can't be read has none. */
export function pluginCommands(directory: string): Manifest['commands'] {
  const folders = pluginsIn(directory).map(({ name, root }) => root ?? join(directory, 'node_modules', name))
  return Object.assign({}, ...folders.map(commandsIn))
}

function pluginsIn(directory: string): NonNullable<NonNullable<PluginList['oclif']>['plugins']> {
  const list = join(directory, 'package.json')
  if (!existsSync(list)) return []
  try {
    return (JSON.parse(readFileSync(list, 'utf8')) as PluginList).oclif?.plugins ?? []
  } catch {
    // The commands themselves say what is wrong with it.
    return []
  }
}

function commandsIn(folder: string): Manifest['commands'] {
  try {
    const manifest = join(folder, 'oclif.manifest.json')
    if (existsSync(manifest)) return withAllFields((JSON.parse(readFileSync(manifest, 'utf8')) as OtherManifest).commands)
    const { oclif } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly oclif?: { readonly commands?: unknown } }
    return typeof oclif?.commands === 'string' ? commandsByFile(join(folder, oclif.commands)) : {}
  } catch {
    return {}
  }
}

/** A manifest that another version of oclif wrote need not have all that errand's own has. */
interface OtherManifest {
  readonly commands: Readonly<Record<string, Partial<ManifestCommand>>>
}

const noFields = { aliases: [], hiddenAliases: [], args: {}, flags: {} }

function withAllFields(commands: OtherManifest['commands']): Manifest['commands'] {
  return Object.fromEntries(
    Object.entries(commands).map(([id, command]): [string, ManifestCommand] => [id, { id, ...noFields, ...command }]),
  )
}

/** Of a plugin without a manifest the names of its files say what its commands are called, and nothing more is known. */
function commandsByFile(folder: string): Manifest['commands'] {
  const files = globSync('**/*.{js,mjs,cjs}', { cwd: folder })
  const ids = files.map((file) =>
    file
      .replaceAll('\\', '/')
      .replace(/(\/index)?\.\w+$/, '')
      .replaceAll('/', ':'),
  )
  return Object.fromEntries(ids.map((id): [string, ManifestCommand] => [id, { id, ...noFields }]))
}
