import { relative, resolve } from 'node:path'
import { ErrandError, exitCodes } from '@errand/core'
import { Args, Flags } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'
import { targetRoots } from '../target-roots.ts'

export default class Lint extends ErrandCommand {
  static override summary = 'Checks all configuration files of the project.'
  static override description = `Targets, run configurations and dependency files, each with every problem, as file:line:column. Opens no connection.
With FILE only the problems of these files are told; the others are read, because one file speaks of another.
Exit code: 0 when no file has an error, else 1; with --strict a warning counts too.`
  static override examples = [
    '<%= config.bin %> lint',
    '<%= config.bin %> lint aml_config/local.compute',
    { description: 'Only errors, for a program', command: `<%= config.bin %> lint -o json --query "[?severity=='error']"` },
  ]
  static override args = {
    files: Args.string({ description: 'Configuration files; without it all of them.', multiple: true, ignoreStdin: true }),
  }
  static override flags = { strict: Flags.boolean({ summary: 'A warning fails it too.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Lint)
    const { findProject, lintProject } = await import('@errand/core/project')
    const { openTargetCatalogue } = await import('@errand/core/targets')
    const targets = openTargetCatalogue(targetRoots(this.config.dataDir))
    const project = await findProject(this.projectDirectory)
    const report = await lintProject(project, (type) => targets.definition(type))
    const files = args.files === undefined ? report.files : args.files.map((file) => readFile(file, project.directory, report.files))
    const diagnostics = report.diagnostics.filter(({ file }) => files.includes(file))
    if (this.speaks) {
      const { lintLines, lintSummary } = await import('../render/diagnostic.ts')
      await this.screen.out(diagnostics.map(lintLines).join(''))
      if (!this.globals.quiet) await this.screen.err(lintSummary(files.length, diagnostics))
    } else await this.print(diagnostics, { columns: ['severity', 'file', 'line', 'column', 'message', 'hint'], empty: 'Nothing to mend.' })
    const fails = flags.strict ? ['error', 'warning'] : ['error']
    if (diagnostics.some(({ severity }) => fails.includes(severity))) process.exitCode = exitCodes.failed
  }
}

/** One of the files that were read, named from the current folder or from the project's. */
function readFile(given: string, directory: string, files: readonly string[]): string {
  const nameOf = (path: string) => relative(directory, path).replaceAll('\\', '/')
  const [fromHere, fromProject] = [nameOf(resolve(given)), nameOf(resolve(directory, given))]
  const found = files.find((file) => file === fromHere || file === fromProject)
  if (found !== undefined) return found
  throw new ErrandError('FILE_NOT_READ', `${given} is no configuration file of this project.`, {
    hint: files.length === 0 ? 'The project has none: errand init' : `Those that a run reads are ${files.join(', ')}.`,
  })
}
