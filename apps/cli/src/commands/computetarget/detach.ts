import { Flags } from '../../oclif-core.ts'
import { ErrandCommand } from '../../command.ts'
import { openProjectSecrets } from '../../secrets.ts'

export default class ComputetargetDetach extends ErrandCommand {
  static override summary = 'Takes a target away from the project, with what is kept of its secrets.'
  static override description = 'Its run configurations stay. Runs that are there can still be watched, cancelled and collected.'
  static override hiddenAliases = ['computecontext:detach']
  static override examples = ['<%= config.bin %> computetarget detach --name gpu']
  static override flags = { name: Flags.string({ char: 'n', summary: 'Its name.', required: true }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(ComputetargetDetach)
    const { findProject } = await import('@errand/core/project')
    const { detachTarget } = await import('@errand/core/run')
    const project = await findProject(this.projectDirectory)
    const secrets = await openProjectSecrets(this.projectDirectory, { create: false })
    const detached = await detachTarget({ project, secrets }, flags.name)
    for (const file of detached.runConfigurations) this.screen.notice(`${file} still points to ${flags.name}.`)
    const forgotten = detached.secrets.length === 0 ? '' : `; forgotten: ${detached.secrets.join(', ')}`
    await this.printOutcome(`Compute target ${flags.name} detached: ${detached.file} deleted${forgotten}.`, {
      name: flags.name,
      ...detached,
    })
  }
}
