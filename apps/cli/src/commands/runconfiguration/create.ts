import { Flags } from '../../oclif-core.ts'
import { ErrandCommand } from '../../command.ts'

export default class RunconfigurationCreate extends ErrandCommand {
  static override summary = 'Writes a new run configuration.'
  static override hiddenAliases = ['runconfigurations:create']
  static override examples = ['<%= config.bin %> runconfiguration create -n nightly -t docker']
  static override flags = {
    name: Flags.string({ char: 'n', summary: 'Its name; the file is aml_config/NAME.runconfig.', helpValue: 'NAME', required: true }),
    target: Flags.string({ char: 't', summary: 'The target that it runs at.', helpValue: 'TARGET', required: true }),
    overwrite: Flags.boolean({ summary: 'Replace one of that name.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RunconfigurationCreate)
    const { createRunConfiguration, findProject, formatDiagnostic } = await import('@errand/core/project')
    const { name, target, overwrite } = flags
    const { file, diagnostics } = await createRunConfiguration(await findProject(this.projectDirectory), { name, target, overwrite })
    for (const diagnostic of diagnostics)
      this.screen.notice(`${diagnostic.severity === 'note' ? 'Note' : 'WARNING'}: ${formatDiagnostic(diagnostic)}`)
    await this.printOutcome(`Run configuration ${name} created: ${file}`, { name, target, file })
  }
}
