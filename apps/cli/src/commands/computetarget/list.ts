import { ErrandCommand } from '../../command.ts'

export default class ComputetargetList extends ErrandCommand {
  static override summary = 'Lists the places that the project can run at.'
  static override hiddenAliases = ['computecontext:list']
  static override examples = ['<%= config.bin %> computetarget list', '<%= config.bin %> computetarget list -o json']

  async run(): Promise<void> {
    await this.parse(ComputetargetList)
    const { findProject, formatDiagnostic, listTargets } = await import('@errand/core/project')
    const targets = await listTargets(await findProject(this.projectDirectory))
    for (const diagnostic of targets.flatMap((target) => target.diagnostics)) {
      if (diagnostic.severity !== 'note') this.screen.notice(`WARNING: ${formatDiagnostic(diagnostic)}`)
    }
    // Clients of the original read an array of names.
    await this.print(
      targets.map((target) => target.name),
      { rows: targets.map(({ name, type, address }) => ({ name, type, address })), columns: ['name', 'type', 'address'] },
    )
  }
}
