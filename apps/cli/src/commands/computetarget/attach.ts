import { Args, type FlagInput } from '../../oclif-core.ts'
import { ErrandError, type Finding, errorCode, exitCodes } from '@errand/core'
import type { AttachPlan, AttachableType } from '@errand/core/project'
import type { RunContext } from '@errand/core/run'
import { attachFlags, flagsOf, givenTo, sshFlags } from '../../attach-flags.ts'
import { choosePassword } from '../../attach-password.ts'
import { ErrandCommand } from '../../command.ts'
import { projectHere } from '../../project-here.ts'
import { findingLines } from '../../render/finding.ts'
import { RunCommand } from '../../run-command.ts'
import { looseWords, quoted } from '../../script-words.ts'
import { targetRoots } from '../../target-roots.ts'

type Options = Readonly<Record<string, string | boolean | number | undefined>>

export default class ComputetargetAttach extends RunCommand {
  static override summary = 'Makes a machine a target of the project.'
  static override description =
    'Writes aml_config/NAME.compute and NAME.runconfig; no connection is needed for that. Each setting of the type is an option too: pythonLocation of a remote target is --python-location. The password is kept outside the project.'
  static override hiddenAliases = ['computecontext:attach']
  static override usage = '<%= command.id %> [TYPE] --name NAME …'
  static override examples = [
    {
      description: 'A machine for Python scripts without Spark',
      command: '<%= config.bin %> computetarget attach remote -n gpu -a 10.0.0.11 -u ann --framework python',
    },
    {
      description: 'With a key of this project',
      command: '<%= config.bin %> computetarget attach remote -n gpu -a gpu.example.com -u ann -k',
    },
    {
      description: 'A Spark cluster',
      command: '<%= config.bin %> computetarget attach cluster -n hdi -a hdi.example.com -u ann',
    },
  ]
  static override args = {
    type: Args.string({ description: 'remotedocker (without a word), remote, cluster, or another installed type.', ignoreStdin: true }),
  }
  static override flags = { ...attachFlags, ...sshFlags }

  async run(): Promise<void> {
    const { attachType, attachableType, planAttach, writeAttach } = await import('@errand/core/project')
    const named = await this.#named()
    const type = attachableType(named, await this.#definition(named))
    this.#refuseValues(flagsOf(type))
    const input = { args: ComputetargetAttach.args, baseFlags: ErrandCommand.baseFlags, flags: flagsOf(type) }
    const { args, flags }: { readonly args: { readonly type?: string | undefined }; readonly flags: Options } = await this.parse(input)
    if (args.type !== undefined) attachType(args.type, await this.#installed())
    await using context = await this.openContext()
    const name = String(flags['name'])
    const plan = await planAttach(context.project, {
      name,
      type,
      given: givenTo(type, flags),
      ...(flags['framework'] === 'python' ? { framework: 'Python' } : {}),
      overwrite: flags['overwrite'] === true,
    })
    const password = await this.#password(context, plan, flags)
    await writeAttach(context.project, plan)
    if (password !== undefined) {
      const store = await context.secrets.set('password', password, name)
      this.screen.notice(`The password is kept ${store === 'keychain' ? 'in the keychain of this machine' : `in ${context.secrets.file}`}.`)
    }
    await this.#warn(plan)
    this.#sayWhatNobodyNamed(plan, args.type ?? flags['type'] ?? flags['cluster'], flags['framework'])
    await this.#finish(context, plan)
  }

  /** `--user-managed-environment=false` would be taken for an argument. Error: `OPTION_INVALID`. */
  #refuseValues(flags: FlagInput): void {
    for (const word of this.argv) {
      const [, name = '', value = ''] = /^--([\w-]+)=(.*)$/s.exec(word) ?? []
      if (flags[name]?.type !== 'boolean') continue
      const hint = /^(?:false|no|0|off)$/i.test(value) && flags[name].allowNo ? `--no-${name}` : `--${name}`
      throw new ErrandError('OPTION_INVALID', `The option --${name} takes no value.`, { hint: `Write ${hint}` })
    }
  }

  /** The type that is meant, in any spelling: it decides which options there are. Errors: `TYPE_TWICE`, those of an unknown type. */
  async #named(): Promise<string> {
    const { attachType, findProject, loadTarget } = await import('@errand/core/project')
    const { values, others } = looseWords(this.argv, { ...ComputetargetAttach.baseFlags, ...ComputetargetAttach.flags })
    const installed = await this.#installed()
    // The value of an option that only the type knows is no type, unless it stands where the type does.
    const positional = others.find((word) => isType(() => attachType(word, installed))) ?? others.find((word) => word === this.argv[0])
    const spellings = [positional, values['type'], values['cluster'] === undefined ? undefined : 'cluster'].filter(
      (word) => word !== undefined,
    )
    const types = new Set(spellings.map((word) => attachType(word, installed)))
    if (types.size > 1) throw new ErrandError('TYPE_TWICE', `Two types are named: ${spellings.join(' and ')}.`)
    const [type] = types
    if (type !== undefined) return type
    const project = await findProject(values['project'] ?? projectHere().directory)
    const present = values['name'] === undefined ? undefined : await loadTarget(project, values['name']).catch(() => undefined)
    return present?.file === undefined ? 'remotedocker' : present.type
  }

  async #installed(): Promise<readonly string[]> {
    const { installedTargets } = await import('@errand/core/targets')
    return (await installedTargets(targetRoots(this.config.dataDir))).targets.map(({ type }) => type)
  }

  /** Undefined for a type of the original that is not installed. */
  async #definition(type: string): Promise<AttachableType['definition']> {
    const { openTargetCatalogue } = await import('@errand/core/targets')
    try {
      return await openTargetCatalogue(targetRoots(this.config.dataDir)).definition(type)
    } catch (error) {
      if (errorCode(error) === 'TARGET_TYPE_NOT_INSTALLED') return undefined
      throw error
    }
  }

  async #password(context: RunContext, plan: AttachPlan, flags: Options): Promise<string | undefined> {
    const takesOne = plan.type.settings.some(({ role, name }) => role === 'secret' && name === 'password')
    if (!takesOne) return undefined
    const password = flags['password'] === undefined ? undefined : String(flags['password'])
    const fromStandardInput = flags['password-stdin'] === true
    const given = password !== undefined || fromStandardInput
    // Who names a key, or comes back to a target that is there, is asked for no password.
    const hasKey = plan.type.settings.some(({ name, writes }) => Object.hasOwn(plan.actions, name) && Object.keys(writes).length > 0)
    // A place that is reached without SSH has nobody to log in there.
    const noMachine = flags['address'] === undefined && plan.type.settings.some(({ name }) => name === 'address')
    const silent = flags['no-password'] === true || hasKey || noMachine || plan.files[0]?.state === 'same'
    if (!given && silent) return undefined
    const offersKey = !hasKey && plan.type.settings.some(({ name }) => name === 'useAzuremlSshKey')
    return choosePassword(this.screen, context.ask, { password, fromStandardInput, target: plan.name, offersKey })
  }

  async #warn({ type, warnings }: AttachPlan): Promise<void> {
    for (const { message, hint } of warnings) this.screen.notice(`WARNING: ${message}${hint === undefined ? '' : ` (${hint})`}`)
    if (type.definition !== undefined) return
    const { targetTypes } = await import('@errand/core/project')
    const known = targetTypes.find((candidate) => candidate.type === type.type)
    this.screen.notice(
      `WARNING: the target type ${type.type} is not installed. Before a run can use it: errand plugins install ${known?.package ?? ''}`,
    )
  }

  /** The original's defaults are kept, and are not what everybody expects. */
  #sayWhatNobodyNamed({ files, name, type }: AttachPlan, named: unknown, framework: unknown): void {
    const [compute, runConfiguration] = files.map(({ state }) => state === 'new' || state === 'replaced')
    if (compute === true && (named === undefined || named === false))
      this.screen.notice(`No type was named: ${name} is a ${type.type} target.`)
    if (runConfiguration === true && framework === undefined && type.type !== 'cluster')
      this.screen.notice(`${name}.runconfig has Framework: PySpark. For scripts without Spark write Framework: Python there.`)
  }

  /** What has become of the files, then what the type itself does: each thing a line. */
  async #finish(context: RunContext, plan: AttachPlan): Promise<void> {
    const words = { new: 'created', replaced: 'replaced', same: 'unchanged', kept: 'kept' }
    const lines = plan.files.map(({ file, state }) => `${words[state]} ${file}`)
    if (this.speaks) await this.say(lines.map((line) => `${line}\n`).join(''))
    const findings: Finding[] = []
    await this.interruptible(async (signal) => {
      if (Object.keys(plan.actions).length > 0) await this.#act(context, plan, signal, findings)
      if (this.speaks) await this.say(`errand experiment prepare -c ${quoted(plan.name)}${this.projectOption}\n`)
      else
        await this.print({
          name: plan.name,
          type: plan.type.type,
          files: plan.files.map(({ file, state }) => ({ file, state: words[state] })),
          findings,
        })
    })
    if (findings.some(({ outcome }) => outcome === 'failed')) process.exitCode = exitCodes.failed
  }

  async #act(context: RunContext, plan: AttachPlan, signal: AbortSignal, findings: Finding[]): Promise<void> {
    const { attachActions } = await import('@errand/core/run')
    const options = { signal, report: this.screen.report }
    for await (const finding of attachActions(context, plan, options)) {
      findings.push(finding)
      if (this.speaks) await this.say(findingLines(finding))
    }
    this.screen.clear()
  }
}

function isType(lookUp: () => string): boolean {
  try {
    lookUp()
    return true
  } catch {
    return false
  }
}
