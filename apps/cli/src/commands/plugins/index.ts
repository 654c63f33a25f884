import { ErrandCommand } from '../../command.ts'

export default class Plugins extends ErrandCommand {
  static override summary = 'Lists the plugins that you have installed or linked.'
  static override description =
    'A plugin brings types of compute targets, commands, or both. What errand can run on with them: errand targets'
  static override examples = ['<%= config.bin %> plugins', '<%= config.bin %> plugins -o json']

  async run(): Promise<void> {
    await this.parse(Plugins)
    const { listPlugins } = await import('../../plugins/change-plugins.ts')
    const plugins = await listPlugins(this.config.dataDir)
    await this.print(plugins, {
      rows: plugins.map(({ package: name, version, origin, targets, from }) => ({
        package: name,
        version,
        origin,
        targets: targets.join(', '),
        from,
      })),
      empty: 'No plugin is installed. The types that there are: errand targets',
    })
  }
}
