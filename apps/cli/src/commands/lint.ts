import { Flags } from '../oclif-core.ts'
import { exitCodes } from '@errand/core'
import { ErrandCommand } from '../command.ts'
import { targetRoots } from '../target-roots.ts'

export default class Lint extends ErrandCommand {
  static override summary = 'Checks all configuration files of the project.'
  static override description = `Targets, run configurations and dependency files, each with every problem, as file:line:column. Opens no connection.
Exit code: 0 when no file has an error, else 1; with --strict a warning counts too.`
  static override examples = [
    '<%= config.bin %> lint',
    { description: 'Only errors, for a program', command: `<%= config.bin %> lint -o json --query "[?severity=='error']"` },
  ]
  static override flags = { strict: Flags.boolean({ summary: 'A warning fails it too.' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(Lint)
    const { findProject, lintProject } = await import('@errand/core/project')
    const { openTargetCatalogue } = await import('@errand/core/targets')
    const targets = openTargetCatalogue(targetRoots(this.config.dataDir))
    const { files, diagnostics } = await lintProject(await findProject(this.projectDirectory), (type) => targets.definition(type))
    if (this.speaks) {
      const { lintLines, lintSummary } = await import('../render/diagnostic.ts')
      await this.screen.out(diagnostics.map(lintLines).join(''))
      if (!this.globals.quiet) await this.screen.err(lintSummary(files.length, diagnostics))
    } else await this.print(diagnostics, { columns: ['severity', 'file', 'line', 'column', 'message', 'hint'], empty: 'Nothing to mend.' })
    const fails = flags.strict ? ['error', 'warning'] : ['error']
    if (diagnostics.some(({ severity }) => fails.includes(severity))) process.exitCode = exitCodes.failed
  }
}
