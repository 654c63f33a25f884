import { Args, Flags } from '../../oclif-core.ts'
import { PluginCommand } from '../../plugins/plugin-command.ts'

export default class PluginsInstall extends PluginCommand {
  static override summary = 'Installs plugins: a type of target, a package, a folder, a .tgz file or a git address.'
  static override description = `A folder is linked: changes in it count at once. Everything else is installed by your own npm, with its registry and
its credentials, into a folder of errand's own. A package that can't be used is taken away again.`
  static override aliases = ['plugins:add', 'plugins:link']
  static override strict = false
  static override args = { plugin: Args.string({ description: 'What to install; several may be named.', required: true }) }
  static override flags = {
    'allow-scripts': Flags.boolean({ summary: 'Let packages run their install scripts; a package from git that builds itself needs it.' }),
  }
  static override examples = [
    '<%= config.bin %> plugins install docker',
    '<%= config.bin %> plugins install @errand/target-remotedocker@1',
    '<%= config.bin %> plugins install ./my-target',
    '<%= config.bin %> plugins install ./errand-target-slurm-1.2.0.tgz',
  ]

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(PluginsInstall)
    const { installPlugins } = await import('../../plugins/change-plugins.ts')
    const plugins = await this.changing((change) => installPlugins(argv.map(String), { ...change, scripts: flags['allow-scripts'] }))
    const sentences = plugins.map(({ package: name, version, origin, targets }) => {
      const brought = targets.length === 0 ? '' : `; types of targets: ${targets.join(', ')}`
      return `${name} ${version} ${origin}${brought}.`
    })
    await this.printOutcome(sentences.join('\n'), plugins)
  }
}
