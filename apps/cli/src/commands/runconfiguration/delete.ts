import { Flags } from '../../oclif-core.ts'
import { ErrandCommand } from '../../command.ts'

export default class RunconfigurationDelete extends ErrandCommand {
  static override summary = 'Deletes a run configuration.'
  static override hiddenAliases = ['runconfigurations:delete']
  static override examples = ['<%= config.bin %> runconfiguration delete -n nightly']
  static override flags = {
    name: Flags.string({ char: 'n', summary: 'Its name.', helpValue: 'NAME', required: true }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RunconfigurationDelete)
    const { deleteRunConfiguration, findProject } = await import('@errand/core/project')
    const file = await deleteRunConfiguration(await findProject(this.projectDirectory), flags.name)
    await this.printOutcome(`Run configuration ${flags.name} deleted: ${file}`, { name: flags.name, file })
  }
}
