import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError, errorMessage } from '@errand/core'
import { type InstalledTarget, type TargetRoot, installedTargets, loadDefinition } from '@errand/core/targets'
import { npm } from './npm.ts'
import { type OclifPlugin, readPluginFolder, writePluginFolder } from './plugin-folder.ts'
import { pluginSource } from './plugin-source.ts'

/** What changing the user's plugins needs to know. The caller holds the lock of the folder. */
export interface PluginChange {
  /** The folder that they are installed into. */
  readonly directory: string
  /** Where this program finds types of targets, that folder included. */
  readonly roots: readonly TargetRoot[]
  readonly signal: AbortSignal
  report(message: string): void
  /** Whether packages may run their install scripts. */
  readonly scripts?: boolean
}

/** A plugin that is there and works. */
export interface InstalledPlugin {
  readonly package: string
  readonly version: string
  readonly origin: 'installed' | 'linked'
  /** The types of targets that it brings. */
  readonly targets: readonly string[]
  /** Whether it brings commands of its own. */
  readonly commands: boolean
  /** Of a linked one: its folder. Of the others: what npm was asked for. */
  readonly from: string
}

/**
 * Installs each of the words, or links it when it is a folder. A package that can't be used is taken away again, and what was there before
 * comes back.
 * @throws ErrandError PLUGIN_NOT_FOUND, PLUGIN_UNUSABLE, NPM_MISSING, NPM_FAILED
 */
export async function installPlugins(words: readonly string[], change: PluginChange): Promise<InstalledPlugin[]> {
  const sources = words.map((word) => pluginSource(word, process.cwd()))
  const plugins: InstalledPlugin[] = []
  for (const source of sources) {
    plugins.push(source.kind === 'folder' ? await linkFolder(source.directory, change) : await installPackage(source.wanted, change))
  }
  return plugins
}

/** Takes plugins away by package name or type of target. @throws ErrandError PLUGIN_NOT_INSTALLED, before any is taken away */
export async function uninstallPlugins(words: readonly string[], change: PluginChange): Promise<InstalledPlugin[]> {
  const plugins = await pickPlugins(words, change)
  for (const plugin of plugins) await takeAway(plugin.package, change)
  return plugins
}

/** Brings plugins to their newest version; all of them without words. What came from a file, a folder or git stays as it is. */
export async function updatePlugins(
  words: readonly string[],
  change: PluginChange,
): Promise<{ readonly package: string; readonly before: string; readonly after: string }[]> {
  const plugins = words.length === 0 ? await listPlugins(change.directory) : await pickPlugins(words, change)
  const fromRegistry = plugins.filter(({ origin, from }) => origin === 'installed' && !/[:/]/.test(from))
  const updated = []
  for (const { package: name, version } of fromRegistry) {
    const after = await installPackage(`${name}@latest`, change)
    updated.push({ package: name, before: version, after: after.version })
  }
  return updated
}

/** The plugins that the user has installed or linked, broken ones too, sorted by package. */
export async function listPlugins(directory: string): Promise<InstalledPlugin[]> {
  const { targets } = await installedTargets([{ directory, origin: 'installed' }])
  const file = readPluginFolder(directory)
  const links = file.oclif.plugins.flatMap(({ type, root, name }) => (type === 'link' && root !== undefined ? [{ name, root }] : []))
  const linked = new Set(links.map(({ name }) => name))
  const plugins = [
    ...links.map(({ name, root }) => describe(name, root, 'linked', root, targets)),
    ...Object.entries(file.dependencies ?? {})
      .filter(([name]) => !linked.has(name))
      .map(([name, wanted]) => describe(name, join(directory, 'node_modules', name), 'installed', wanted, targets)),
  ]
  return plugins.toSorted((a, b) => a.package.localeCompare(b.package))
}

function describe(
  name: string,
  folder: string,
  origin: InstalledPlugin['origin'],
  from: string,
  targets: readonly InstalledTarget[],
): InstalledPlugin {
  const { version = 'missing', commands } = readManifest(folder)
  return {
    package: name,
    version,
    origin,
    targets: targets.filter((target) => target.package === name).map(({ type }) => type),
    commands,
    from,
  }
}

function readManifest(folder: string): { readonly name?: string; readonly version?: string; readonly commands: boolean } {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return { commands: false }
  const json = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string; oclif?: { commands?: unknown } }
  return {
    ...(json.name === undefined ? {} : { name: json.name }),
    version: json.version ?? '0.0.0',
    commands: json.oclif?.commands !== undefined,
  }
}

async function installPackage(wanted: string, change: PluginChange): Promise<InstalledPlugin> {
  const { directory, report } = change
  const before = readPluginFolder(directory)
  writePluginFolder(directory, before)
  report(`installing ${wanted}`)
  await npm(['install', '--save', wanted], { ...change, scripts: change.scripts ?? false })
  const name = installedName(wanted, before.dependencies ?? {}, readPluginFolder(directory).dependencies ?? {})
  const previous = before.dependencies?.[name]
  return keepIfUsable(name, change, async () => {
    if (previous === undefined) await takeAway(name, change)
    else await npm(['install', '--save', `${name}@${previous}`], { ...change, scripts: false })
  })
}

/** npm does not say under which name it saved what it was asked for: a file and a repository are known by their package.json alone. */
function installedName(wanted: string, before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string {
  const changed = Object.keys(after).find((name) => after[name] !== before[name])
  const named = /^(@[^/@]+\/)?[^/@:]+/.exec(wanted)?.[0]
  const file = wanted.replace(/^file:/, '')
  const same = Object.keys(after).find((name) => after[name]?.endsWith(file.slice(file.lastIndexOf('/') + 1)))
  return (named !== undefined && named in after ? named : undefined) ?? changed ?? same ?? wanted
}

async function linkFolder(folder: string, change: PluginChange): Promise<InstalledPlugin> {
  const { directory } = change
  const { name } = readManifest(folder)
  if (name === undefined)
    throw new ErrandError('PLUGIN_UNUSABLE', `The package.json of ${folder} has no name.`, { hint: 'Give the package a name.' })
  const before = readPluginFolder(directory)
  keepPlugin(directory, { name, type: 'link', root: folder })
  return keepIfUsable(name, change, async () => writePluginFolder(directory, before))
}

/** Looks at what was put in place: its types must load, and no other package may have them. */
async function keepIfUsable(name: string, change: PluginChange, restore: () => Promise<void>): Promise<InstalledPlugin> {
  try {
    const found = await installedTargets(change.roots)
    const blamed = found.broken.find((broken) => broken.package === name)
    if (blamed !== undefined) throw new Error(blamed.reason)
    for (const { type } of found.targets.filter((target) => target.package === name)) await loadDefinition(type, found)
    const plugin = (await listPlugins(change.directory)).find((candidate) => candidate.package === name)
    if (plugin === undefined || (plugin.targets.length === 0 && !plugin.commands))
      throw new Error('it brings neither a type of target nor a command; its package.json has no "errand": {"targets": …}')
    if (plugin.commands && plugin.origin === 'installed') keepPlugin(change.directory, { name, type: 'user', tag: plugin.version })
    return plugin
  } catch (error) {
    await restore()
    throw unusable(name, error)
  }
}

function unusable(name: string, error: unknown): ErrandError {
  const reason = errorMessage(error).replace(/\.$/, '')
  return new ErrandError('PLUGIN_UNUSABLE', `The package ${name} was not kept: ${reason}.`, {
    hint: reason.includes('several packages')
      ? 'Uninstall the other one first: errand plugins uninstall NAME'
      : reason.includes('which is not there')
        ? 'Is it built? A package from git that builds itself needs --allow-scripts.'
        : 'errand plugins shows what is installed.',
    cause: error,
  })
}

function keepPlugin(directory: string, plugin: OclifPlugin): void {
  const file = readPluginFolder(directory)
  const others = file.oclif.plugins.filter(({ name }) => name !== plugin.name)
  writePluginFolder(directory, { ...file, oclif: { schema: 1, plugins: [...others, plugin] } })
}

async function takeAway(name: string, change: PluginChange): Promise<void> {
  const file = readPluginFolder(change.directory)
  writePluginFolder(change.directory, {
    ...file,
    oclif: { schema: 1, plugins: file.oclif.plugins.filter((plugin) => plugin.name !== name) },
  })
  if (file.dependencies?.[name] === undefined) return
  change.report(`uninstalling ${name}`)
  await npm(['uninstall', '--save', name], { ...change, scripts: false })
}

async function pickPlugins(words: readonly string[], { directory }: PluginChange): Promise<InstalledPlugin[]> {
  const plugins = await listPlugins(directory)
  return words.map((word) => {
    const found = plugins.find((plugin) => plugin.package === word || plugin.targets.includes(word))
    if (found !== undefined) return found
    throw new ErrandError('PLUGIN_NOT_INSTALLED', `No plugin ${word} is installed.`, {
      hint: plugins.length === 0 ? 'None is installed at all.' : `Installed: ${plugins.map((plugin) => plugin.package).join(', ')}.`,
    })
  })
}
