import { Args, Flags } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'

export default class Init extends ErrandCommand {
  static override summary = 'Makes a project: the folder aml_config with explained settings, and an ignore file.'
  static override description =
    'Files that are already there stay as they are; beside a .gitignore no .amlignore is made, which would turn it off. Editors get schemas of the files, so that keys complete and errors show while you type: VS Code by .vscode/settings.json, others that know the YAML language server by the first line of each file.'
  static override examples = [
    { description: 'In the current folder', command: '<%= config.bin %> init' },
    { description: 'In a new one', command: '<%= config.bin %> init churn' },
  ]
  static override args = {
    directory: Args.string({
      description: 'Folder of the project; made if it is not there. Without it the current one.',
      ignoreStdin: true,
    }),
  }
  static override flags = {
    overwrite: Flags.boolean({ summary: 'Write the files of a new project over those that are there.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init)
    const { initProject } = await import('@errand/core/project')
    const { installedSchemas } = await import('../installed-schemas.ts')
    const directory = args.directory ?? this.globals.project ?? '.'
    const { created, kept, gitignoreCounts } = await initProject(directory, {
      overwrite: flags.overwrite,
      schemas: await installedSchemas(this.config.dataDir),
    })
    const lines = [...created.map((file) => `created ${file}`), ...kept.map((file) => `kept    ${file}`)]
    if (gitignoreCounts)
      lines.push('kept    .gitignore, which says what is not copied to runs; with an .amlignore it would no longer count')
    const next = `Next: ${args.directory === undefined ? '' : `cd ${args.directory}; `}errand submit -c local YOUR_SCRIPT.py`
    await this.printOutcome([...lines, next].join('\n'), { directory, created, kept, gitignoreCounts })
  }
}
