import { ErrandCommand } from '../../command.ts'

export default class RunconfigurationList extends ErrandCommand {
  static override summary = 'Lists the run configurations of the project.'
  static override hiddenAliases = ['runconfigurations:list']
  static override examples = ['<%= config.bin %> runconfiguration list', '<%= config.bin %> runconfiguration list -o json']

  async run(): Promise<void> {
    await this.parse(RunconfigurationList)
    const { findProject, formatDiagnostic, listRunConfigurations } = await import('@errand/core/project')
    const configurations = await listRunConfigurations(await findProject(this.projectDirectory))
    for (const diagnostic of configurations.flatMap((configuration) => configuration.diagnostics)) {
      if (diagnostic.severity !== 'note') this.screen.notice(`WARNING: ${formatDiagnostic(diagnostic)}`)
    }
    // Clients of the original read an array of names.
    await this.print(
      configurations.map((configuration) => configuration.name),
      {
        rows: configurations.map(({ name, target, framework, file }) => ({ name, target, framework, file })),
        columns: ['name', 'target', 'framework', 'file'],
        empty: 'The project has no run configuration. Make one: errand runconfiguration create -n NAME -t TARGET',
      },
    )
  }
}
