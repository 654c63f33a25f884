import { isAbsolute, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type NewTarget, describeProblem, writeTarget } from './write-target.ts'

export { type NewTarget, writeTarget } from './write-target.ts'

const usage = `Writes a package that brings a type of compute target for errand, complete with its tests.

  pnpm create @errand/target TYPE [FOLDER]
  npm create @errand/target TYPE [FOLDER]

TYPE is the word behind \`type:\` in a .compute file: lower-case letters, digits and hyphens, as in slurm or my-cluster.
FOLDER is where the package goes; without it errand-target-TYPE here. Nothing that is there is overwritten.
  --name NAME   name of the package; without it errand-target-TYPE
`

/** The command. Returns its exit code. */
export function main(words: readonly string[]): number {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { name: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    const [type, folder = `errand-target-${type}`, ...others] = positionals
    if (values.help || type === undefined || others.length > 0) {
      process.stdout.write(usage)
      return values.help ? 0 : 1
    }
    const target: NewTarget = { type, packageName: values.name ?? `errand-target-${type}`, directory: folder }
    const files = writeTarget(target)
    const from = isAbsolute(folder) ? folder : relative('.', folder)
    process.stdout.write(`${files.map((file) => `wrote ${file}\n`).join('')}
Next:
  cd ${from}
  npm install
  npm test                       the conformance suite of all targets
  npm run build
  errand plugins install .       from here on \`type: ${type}\` runs
`)
    return 0
  } catch (error) {
    process.stderr.write(`ERROR: ${describeProblem(error)}\n`)
    return 1
  }
}
