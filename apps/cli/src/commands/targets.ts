import { ErrandCommand } from '../command.ts'
import { targetRoots } from '../target-roots.ts'

export default class Targets extends ErrandCommand {
  static override summary = 'Lists the types of compute targets: those that are installed, and those that can be.'
  static override description =
    'These are the words that may stand behind `type:` in a .compute file. The targets of a project: errand computetarget list'
  static override examples = ['<%= config.bin %> targets', '<%= config.bin %> targets -o json']

  async run(): Promise<void> {
    await this.parse(Targets)
    const { installedTargets } = await import('@errand/core/targets')
    const { targetTypes } = await import('@errand/core/project')
    const { targets, broken } = await installedTargets(targetRoots(this.config.dataDir))
    for (const one of broken) this.screen.notice(`WARNING: the package ${one.package} is left out: ${one.reason}.`)
    const there = targets.map(({ type, package: name, version, contract, origin }) => ({
      type,
      package: name,
      version,
      contract,
      origin,
      summary: targetTypes.find((known) => known.type === type)?.summary ?? '',
    }))
    const absent = targetTypes
      .filter((known) => !targets.some((target) => target.type === known.type))
      .map((known) => ({ type: known.type, package: known.package, origin: 'not installed', summary: known.summary }))
    if (absent.length > 0 && process.stdout.isTTY && this.globals.output === undefined)
      this.screen.notice(`To install one: errand plugins install ${absent.map(({ type }) => type).join(' ')}`)
    await this.print([...there, ...absent], { columns: ['type', 'origin', 'version', 'contract', 'package', 'summary'] })
  }
}
