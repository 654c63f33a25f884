import { globSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a new package of a target is to be. */
export interface NewTarget {
  /** The word behind `type:` in a `.compute` file. */
  readonly type: string
  /** Of the npm package. */
  readonly packageName: string
  /** Made if it is not there; it may hold no file. */
  readonly directory: string
}

const template = fileURLToPath(new URL('../template/', import.meta.url))

/**
 * Writes the package and returns the files that it has, sorted.
 * @throws Error with one sentence for a type or a name that can't be, or a folder that holds something
 */
export function writeTarget({ type, packageName, directory }: NewTarget): string[] {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(type))
    throw new Error(`${type} can't be a type of target: lower-case letters, digits and single hyphens, beginning with a letter.`)
  if (!/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(packageName))
    throw new Error(`${packageName} can't be the name of an npm package.`)
  if (filesIn(directory).length > 0) throw new Error(`${directory} is not empty. Name another folder, or empty that one.`)
  const words = [
    ['mytarget-package', packageName],
    ['mytarget', type],
    ['MyTarget', type.replaceAll(/(^|-)([a-z0-9])/g, (_, _hyphen, letter: string) => letter.toUpperCase())],
  ] as const
  return templateFiles().map((file) => {
    const text = words.reduce((changed, [from, to]) => changed.replaceAll(from, to), withVersions(file))
    const path = finalName(file)
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text, { flag: 'wx' })
    return path
  })
}

/** What went wrong, for a reader. */
export function describeProblem(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

const templateFiles = (): string[] =>
  globSync('**/*.*', { cwd: template, exclude: ['node_modules'] })
    .map((file) => file.replaceAll('\\', '/'))
    .toSorted()

/** npm leaves some files of a package out because of their names, so in the template they have others. */
const finalName = (file: string): string => file.replace(/^_(?=changeset|github|gitignore)/, '.').replace(/\.template$/, '')

/**
 * The versions of errand's packages are those that this package was built beside. They stand in its package.json as peers that nobody has to
 * have, so that it is released again when one of them leaves their range.
 */
function withVersions(file: string): string {
  const text = readFileSync(join(template, file), 'utf8')
  if (!file.startsWith('package.json')) return text
  const own = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>
    readonly peerDependencies: Readonly<Record<string, string>>
  }
  return Object.entries({ ...own.devDependencies, ...own.peerDependencies }).reduce(
    (changed, [name, version]) => changed.replaceAll(`"${name}": "*"`, `"${name}": "${version}"`),
    text,
  )
}
