import { Flags } from '../oclif-core.ts'
import { exitCodes } from '@errand/core'
import type { DoctorFinding } from '@errand/core/run'
import { findingLines } from '../render/finding.ts'
import { RunCommand } from '../run-command.ts'

export default class Doctor extends RunCommand {
  static override summary = 'Looks at all that a run needs, and says what to do where something is wrong.'
  static override description = `The project and its files, every hop to the target, the environment and its interpreter, the secrets. Without -c: of all run configurations; what was never installed here (Docker, the package of a type) is then a warning.
Makes nothing in the project. Exit code: 0 when nothing failed, else 1.`
  static override examples = [
    '<%= config.bin %> doctor',
    { description: 'The interpreter of a run configuration, for an editor', command: `<%= config.bin %> doctor -c local` },
  ]
  static override flags = {
    'run-configuration': Flags.string({
      char: 'c',
      aliases: ['runconfig'],
      summary: 'Only what this run configuration needs.',
      helpValue: 'NAME',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor)
    const chosen = flags['run-configuration']
    const surroundings = await this.openSurroundings()
    const { doctor } = await import('@errand/core/run')
    const findings: DoctorFinding[] = []
    await this.interruptible(async (signal) => {
      this.screen.report({ message: 'looking' })
      const show = async (finding: DoctorFinding): Promise<void> => {
        const heading = finding.about === findings.at(-1)?.about ? '' : `${findings.length === 0 ? '' : '\n'}${finding.about}\n`
        findings.push(finding)
        if (this.speaks) await this.screen.out(heading + findingLines(finding))
      }
      const version = `${this.config.version}, Node.js ${process.versions.node}`
      const options = { signal, report: this.screen.report, ...(chosen === undefined ? {} : { runConfiguration: chosen }) }
      for await (const finding of doctor(surroundings, options)) {
        // Not before something was looked at: a name that is not there is an error and nothing else.
        if (findings.length === 0) await show({ about: 'errand', name: 'version', outcome: 'ok', detail: version })
        await show(finding)
      }
      this.screen.clear()
      if (!this.speaks) await this.print(findings, { columns: ['outcome', 'about', 'name', 'detail', 'hint'] })
      if (findings.some(({ outcome }) => outcome === 'failed')) process.exitCode = exitCodes.failed
    })
  }
}
