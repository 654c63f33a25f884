import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ErrandError } from '@errand/core'
import { targetTypes } from '@errand/core/project'

/** Where a plugin comes from: a folder that is used where it is, or what npm installs. */
export type PluginSource = { readonly kind: 'folder'; readonly directory: string } | { readonly kind: 'package'; readonly wanted: string }

/**
 * What a user may write behind `plugins install`: a type of target (`docker`), a package with or without a version, a folder, a `.tgz` file,
 * or an address of git. npm would take a folder's path for a repository of GitHub in some spellings, so paths are told here.
 * @throws ErrandError PLUGIN_NOT_FOUND for a path at which no package is
 */
export function pluginSource(word: string, directory: string): PluginSource {
  const known = targetTypes.find(({ type, aliases }) => type === word || aliases.includes(word))
  if (known !== undefined) return { kind: 'package', wanted: known.package }
  if (!isPath(word)) return { kind: 'package', wanted: word }
  const path = resolve(directory, word.replace(/^file:/, ''))
  if (!existsSync(path)) throw notFound(path, 'there is no such file or folder')
  if (!statSync(path).isDirectory()) return { kind: 'package', wanted: `file:${path}` }
  if (!existsSync(resolve(path, 'package.json'))) throw notFound(path, 'the folder holds no package.json')
  return { kind: 'folder', directory: path }
}

const isPath = (word: string): boolean =>
  /^(\.{1,2}$|\.{0,2}[/\\]|[A-Za-z]:[/\\]|file:)/.test(word) || (/\.t(ar\.)?gz$/.test(word) && !word.includes('://'))

function notFound(path: string, reason: string): ErrandError {
  return new ErrandError('PLUGIN_NOT_FOUND', `No plugin can be installed from ${path}: ${reason}.`, {
    hint: 'Give a package name, a type of target, a folder with a package.json, a .tgz file or a git address.',
  })
}
