import { ErrandCommand } from '../command.ts'
import { targetRoots } from '../target-roots.ts'

export default class Targets extends ErrandCommand {
  static override summary = 'Lists the types of compute targets that are installed.'
  static override description =
    'These are the words that may stand behind `type:` in a .compute file. The targets of a project: errand computetarget list'
  static override examples = ['<%= config.bin %> targets', '<%= config.bin %> targets -o json']

  async run(): Promise<void> {
    await this.parse(Targets)
    const { installedTargets } = await import('@errand/core/targets')
    const { targetTypes } = await import('@errand/core/project')
    const { targets, broken } = await installedTargets(targetRoots(this.config.dataDir))
    for (const one of broken) this.screen.notice(`WARNING: the package ${one.package} is left out: ${one.reason}.`)
    const missing = targetTypes.filter((known) => !targets.some((target) => target.type === known.type))
    if (process.stdout.isTTY && this.globals.output === undefined) {
      for (const known of missing) this.screen.notice(`Not installed: ${known.type} (errand plugins install ${known.package})`)
    }
    const rows = targets.map(({ type, package: name, version, origin }) => ({
      type,
      package: name,
      version,
      origin,
      summary: targetTypes.find((known) => known.type === type)?.summary ?? '',
    }))
    await this.print(rows, { empty: 'No type of target is installed.' })
  }
}
