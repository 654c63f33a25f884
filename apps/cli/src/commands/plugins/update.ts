import { Args } from '../../oclif-core.ts'
import { PluginCommand } from '../../plugins/plugin-command.ts'

export default class PluginsUpdate extends PluginCommand {
  static override summary = 'Brings plugins to their newest version.'
  static override description = "Those from a folder, a file or git stay as they are. A version that this errand can't use is taken back."
  static override strict = false
  static override args = { plugin: Args.string({ description: 'A package or a type of target; all of them without one.' }) }
  static override examples = ['<%= config.bin %> plugins update', '<%= config.bin %> plugins update docker']

  async run(): Promise<void> {
    const { argv } = await this.parse(PluginsUpdate)
    const { updatePlugins } = await import('../../plugins/change-plugins.ts')
    const plugins = await this.changing((change) => updatePlugins(argv.map(String), change))
    const sentences = plugins.map(({ package: name, before, after }) =>
      before === after ? `${name} ${after} is the newest.` : `${name}: ${before} → ${after}.`,
    )
    await this.printOutcome(sentences.length === 0 ? 'There is nothing to update.' : sentences.join('\n'), plugins)
  }
}
