import { Args, Flags } from '../../oclif-core.ts'
import { ErrandCommand } from '../../command.ts'
import { askOnTerminal, readStandardInput } from '../../prompt.ts'
import { openProjectSecrets } from '../../secrets.ts'

export default class SecretSet extends ErrandCommand {
  static override summary = 'Keeps a secret outside the project.'
  static override description =
    'The value is asked for without showing it, or read from standard input. It goes into the keychain of the operating system; where there is none, into a file that only you can read.'
  static override examples = [
    '<%= config.bin %> secret set password --target gpu-machine',
    { description: 'From another program', command: 'pass show azure | <%= config.bin %> secret set AZURE_TOKEN' },
  ]
  static override args = { name: Args.string({ description: 'Name of the secret.', required: true, ignoreStdin: true }) }
  static override flags = { target: Flags.string({ char: 't', summary: 'Only for this target.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SecretSet)
    const secrets = await openProjectSecrets(this.projectDirectory, { create: true })
    if (secrets === undefined) throw new Error('A project that was just given a history has none.')
    const value = process.stdin.isTTY
      ? await askOnTerminal(this.screen)({
          kind: 'hidden',
          text: `Value of ${args.name}:`,
          withoutTerminal: { hint: `printf %s VALUE | errand secret set ${args.name}` },
        })
      : await readStandardInput()
    const store = await secrets.set(args.name, value, flags.target)
    const place =
      store === 'keychain' ? 'in the keychain of this machine' : `in ${secrets.file}, which only you can read; no keychain can be used here`
    await this.printOutcome(`Secret ${args.name} kept ${place}.`, { name: args.name, target: flags.target ?? null, store })
  }
}
