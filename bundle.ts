import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { rolldown, type Plugin } from 'rolldown'

export interface Bundle {
  /** Where the compiler has put the files of a room. */
  readonly directory: string
  /** Built files that are imported from outside, relative to that folder and without `.js`. They keep their names. */
  readonly entries: readonly string[]
  /** Packages that stay imports. All others that are imported become part of the files. */
  readonly external: readonly string[]
  readonly plugins?: readonly Plugin[]
}

/**
 * Joins the built modules of a room into few files, so that a start looks for few on the disk. Parts that are not always needed stay apart,
 * in `parts/`; modules that were taken in are removed. `licences.txt` has the licences of the packages that are in there.
 */
export async function bundle({ directory, entries, external, plugins = [] }: Bundle): Promise<void> {
  rmSync(join(directory, 'parts'), { recursive: true, force: true })
  const input = Object.fromEntries(entries.map((name) => [name, join(directory, `${name}.js`)]))
  const build = await rolldown({ input, external: [...external], plugins: [...plugins], platform: 'node' })
  const { output } = await build.write({ dir: directory, format: 'esm', chunkFileNames: 'parts/[name].js' })
  await build.close()
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
  const written = new Set(output.map(({ fileName }) => join(directory, fileName)))
  for (const module of modules) if (dirname(module).startsWith(directory) && !written.has(resolve(module))) rmSync(module)
  const packages = new Set(modules.flatMap(packageOf))
  if (packages.size > 0) writeFileSync(join(directory, 'licences.txt'), [...packages].toSorted().map(licenceOf).join('\n'))
}

/** Joins the modules of a room that its package.json exports, and what else they are made of. What its users install stays an import. */
export async function bundleRoom(room: string): Promise<void> {
  const { exports, dependencies, peerDependencies } = JSON.parse(readFileSync(join(room, 'package.json'), 'utf8'))
  await bundle({
    directory: join(room, 'dist'),
    entries: Object.values<{ default: string }>(exports).map((paths) => paths.default.replace(/^\.\/dist\/|\.js$/g, '')),
    external: Object.keys({ ...dependencies, ...peerDependencies }),
  })
}

/** The folder of the package that a module is from; none for modules of the bundler's and of ours. */
function packageOf(module: string): string[] {
  if (!module.includes('node_modules')) return []
  let folder = dirname(module)
  while (!isPackage(folder)) folder = dirname(folder)
  return [folder]
}

/** A package.json without a name only says how the modules beside it are read. */
function isPackage(folder: string): boolean {
  const description = join(folder, 'package.json')
  return existsSync(description) && 'name' in JSON.parse(readFileSync(description, 'utf8'))
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = globSync('{LICENSE,LICENCE,license,licence}*', { cwd: folder })
  if (license === undefined && files.length === 0) throw new Error(`${name} has no licence: it can't be published with errand.`)
  const texts = files.map((path) => readFileSync(join(folder, path), 'utf8').trim())
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`
}
