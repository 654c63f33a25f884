import { Args } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { ErrandCommand } from '../../command.ts'
import { openProjectSecrets } from '../../secrets.ts'
import { targetRoots } from '../../target-roots.ts'
import { targetNameFlag } from '../../target-name.ts'

export default class ComputetargetShow extends ErrandCommand {
  static override summary = 'Shows the settings of a target as they are understood, without secrets.'
  static override examples = ['<%= config.bin %> computetarget show gpu', '<%= config.bin %> computetarget show gpu -o json']
  static override args = { name: Args.string({ description: 'Name of the target.', ignoreStdin: true }) }
  static override flags = { ...targetNameFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ComputetargetShow)
    const name = args.name ?? flags.name
    if (name === undefined) throw new ErrandError('OPTION_MISSING', 'Say which target: NAME.', { hint: 'errand computetarget list' })
    const { findProject, formatDiagnostic, loadTarget } = await import('@errand/core/project')
    const { showTarget } = await import('@errand/core/run')
    const { openTargetCatalogue } = await import('@errand/core/targets')
    const secrets = await openProjectSecrets(this.projectDirectory, { create: false })
    const file = await loadTarget(await findProject(this.projectDirectory), name)
    const sourceOf = async (secret: string) => (await secrets?.get(secret, name))?.source
    const {
      diagnostics,
      config,
      secrets: sources,
      ...target
    } = await showTarget(file, openTargetCatalogue(targetRoots(this.config.dataDir)), sourceOf)
    for (const diagnostic of diagnostics) {
      this.screen.notice(`${diagnostic.severity === 'note' ? 'Note' : 'WARNING'}: ${formatDiagnostic(diagnostic)}`)
    }
    await this.print({ ...target, ...config, ...sources })
  }
}
