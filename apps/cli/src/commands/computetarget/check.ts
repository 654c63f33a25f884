import { Args } from '../../oclif-core.ts'
import { ErrandError, type Finding, exitCodes } from '@errand/core'
import { findingLines } from '../../render/finding.ts'
import { RunCommand } from '../../run-command.ts'
import { targetNameFlag } from '../../target-name.ts'

export default class ComputetargetCheck extends RunCommand {
  static override summary = 'Looks at everything between here and a target, and says what to do where something is wrong.'
  static override description = 'Changes nothing in the project. Exit code: 0 when nothing failed, else 1.'
  static override examples = ['<%= config.bin %> computetarget check gpu', '<%= config.bin %> computetarget check gpu -o json']
  static override args = { name: Args.string({ description: 'Name of the target.', ignoreStdin: true }) }
  static override flags = { ...targetNameFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ComputetargetCheck)
    const name = args.name ?? flags.name
    if (name === undefined) throw new ErrandError('OPTION_MISSING', 'Say which target: NAME.', { hint: 'errand computetarget list' })
    await using context = await this.openContext()
    const { checkTarget } = await import('@errand/core/run')
    const findings: Finding[] = []
    await this.interruptible(async (signal) => {
      this.screen.report({ message: `looking at ${name}` })
      for await (const finding of checkTarget(context, name, { signal, report: this.screen.report })) {
        findings.push(finding)
        if (this.speaks) await this.screen.out(findingLines(finding))
      }
      this.screen.clear()
      if (!this.speaks) await this.print(findings, { columns: ['outcome', 'name', 'detail', 'hint'] })
      if (findings.some(({ outcome }) => outcome === 'failed')) process.exitCode = exitCodes.failed
    })
  }
}
