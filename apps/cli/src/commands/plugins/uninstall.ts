import { Args } from '../../oclif-core.ts'
import { PluginCommand } from '../../plugins/plugin-command.ts'

export default class PluginsUninstall extends PluginCommand {
  static override summary = 'Takes plugins away. Projects, runs and their history stay.'
  static override aliases = ['plugins:remove', 'plugins:unlink']
  static override strict = false
  static override args = {
    plugin: Args.string({ description: 'A package, or a type of target that it brings; several may be named.', required: true }),
  }
  static override examples = ['<%= config.bin %> plugins uninstall docker']

  async run(): Promise<void> {
    const { argv } = await this.parse(PluginsUninstall)
    const { uninstallPlugins } = await import('../../plugins/change-plugins.ts')
    const plugins = await this.changing((change) => uninstallPlugins(argv.map(String), change))
    const sentences = plugins.map(({ package: name, origin }) => `${name} ${origin === 'linked' ? 'unlinked' : 'uninstalled'}.`)
    await this.printOutcome(sentences.join('\n'), plugins)
  }
}
