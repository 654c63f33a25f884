import { Args, Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { ErrandCommand } from '../../command.ts'
import { openProjectSecrets } from '../../secrets.ts'

export default class SecretDelete extends ErrandCommand {
  static override summary = 'Forgets a secret.'
  static override examples = ['<%= config.bin %> secret delete password --target gpu-machine']
  static override args = { name: Args.string({ description: 'Name of the secret.', required: true, ignoreStdin: true }) }
  static override flags = { target: Flags.string({ char: 't', summary: 'The one that was set for this target.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SecretDelete)
    const secrets = await openProjectSecrets(this.projectDirectory, { create: false })
    if ((await secrets?.delete(args.name, flags.target)) !== true) {
      const place = flags.target === undefined ? '' : ` for the target ${flags.target}`
      throw new ErrandError('SECRET_NOT_FOUND', `There is no secret ${args.name}${place}.`, { hint: 'errand secret list' })
    }
    await this.printOutcome(`Secret ${args.name} deleted.`, { name: args.name, target: flags.target ?? null })
  }
}
