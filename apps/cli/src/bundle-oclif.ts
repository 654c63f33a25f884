import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { builtDirectory } from './oclif.ts'

// Runs in the build, behind the compiler: replaces dist/oclif-core.js by oclif itself, with the licences of all that is in it beside it.
const file = join(builtDirectory, 'oclif-core.js')
await using bundle = await rolldown({
  input: file,
  platform: 'node',
  // Asked for only by plugins that are run from their TypeScript, which errand never does.
  external: ['typescript'],
  plugins: [{ name: 'sort-by-bytes', transform: sortByBytes }],
})
const { output } = await bundle.write({
  file,
  format: 'esm',
  // What oclif imports only under Windows' Linux belongs to the same file.
  codeSplitting: false,
  // Names stay: they are read in stack traces. Blanks are bytes that each start would read.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
})
const packages = new Set(output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : [])).flatMap(packageOf))
writeFileSync(join(builtDirectory, 'oclif-core.licences.txt'), [...packages].toSorted().map(licenceOf).join('\n'))

/** The folder of the package that a bundled module is from; none for modules of the bundler's and of ours. */
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

/** Sorting the names of the commands by the rules of a language loads those rules: 6 ms of each start. */
function sortByBytes(code: string, module: string): string | undefined {
  if (!module.replaceAll('\\', '/').endsWith('/config/plugin.js')) return undefined
  const sorted = code.replace('a.id.localeCompare(b.id)', 'a.id < b.id ? -1 : 1')
  if (sorted === code) throw new Error(`${module} does not sort its commands as it did: look what it does now.`)
  return sorted
}
