import * as Args from '@oclif/core/args'
import { ErrandError, type Finding, exitCodes } from '@errand/core'
import type { AttachPlan, AttachableType, Project } from '@errand/core/project'
import type { RunContext } from '@errand/core/run'
import { attachFlags, flagsOf, sshFlags, typeWords } from '../../attach-flags.ts'
import { choosePassword } from '../../attach-password.ts'
import { ErrandCommand } from '../../command.ts'
import { findingLines } from '../../render/finding.ts'
import { RunCommand } from '../../run-command.ts'

type Flags = Readonly<Record<string, string | boolean | number | undefined>>

export default class ComputetargetAttach extends RunCommand {
  static override summary = 'Makes a machine a target of the project.'
  static override description =
    'Writes aml_config/NAME.compute and NAME.runconfig; no connection is needed for that. Every setting of the type is an option too: pythonLocation of a remote target is --python-location. The password is kept outside the project.'
  static override hiddenAliases = ['computecontext:attach']
  static override usage = '<%= command.id %> [TYPE] --name NAME …'
  static override examples = [
    '<%= config.bin %> computetarget attach remote --name gpu --address 192.168.1.11 --username ann',
    { description: 'With a key of this project', command: '<%= config.bin %> computetarget attach remotedocker -n gpu -a gpu.example.com -u ann -k' },
  ]
  static override args = {
    type: Args.string({ description: 'remotedocker (when none is named), remote, cluster, or another installed type.', ignoreStdin: true }),
  }
  static override flags = { ...attachFlags, ...sshFlags }

  async run(): Promise<void> {
    const project = await this.#project()
    await using context = await this.openContext()
    const type = await this.#type(project)
    const { args, flags: parsed } = await this.parse({
      args: ComputetargetAttach.args,
      baseFlags: ErrandCommand.baseFlags,
      flags: flagsOf(type),
    })
    const flags: Flags = parsed
    checkSpellings(args.type, flags)
    const { planAttach, writeAttach, formatDiagnostic } = await import('@errand/core/project')
    const name = String(flags['name'])
    const plan = await planAttach(project, {
      name,
      type,
      given: givenTo(type, flags),
      ...(flags['framework'] === 'python' ? { framework: 'Python' as const } : {}),
      overwrite: flags['overwrite'] === true,
    })
    if (type.definition === undefined && flags['use-azureml-ssh-key'] === true) throw await notInstalled(type.type)
    const password = await this.#password(context, plan, flags)
    await writeAttach(project, plan)
    const store = password === undefined ? undefined : await context.secrets.set('password', password, name)
    for (const { message, hint } of plan.warnings) this.screen.notice(`WARNING: ${message}${hint === undefined ? '' : ` (${hint})`}`)
    if (type.definition === undefined) await this.#warnOfMissing(type.type)
    await this.#report(context, plan, store === 'file' ? context.secrets.file : store)
  }

  async #project(): Promise<Project> {
    const { globals } = this
    const { findProject } = await import('@errand/core/project')
    // The folder must be known before the options of the type are.
    const index = this.argv.findIndex((word) => ['-p', '--project', '--path'].includes(word))
    const joined = this.argv.map((word) => /^--(?:project|path)=(.*)$/.exec(word)?.[1]).find((value) => value !== undefined)
    return findProject(joined ?? (index === -1 ? undefined : this.argv[index + 1]) ?? globals.project ?? '.')
  }
}
