import { ErrandError } from '@errand/core'
import { ErrandCommand } from '../../../command.ts'
import { openProjectKey } from '../../../project-key.ts'

export default class KeyExport extends ErrandCommand {
  static override summary = "Prints the project's private SSH key, for a colleague who is to reach the same machines."
  static override description =
    'Who has this text can log in wherever the key is known, as the same user. Hand it over as you would a password; the other side reads it with: errand computetarget key import'
  static override examples = ['<%= config.bin %> computetarget key export > team-key']

  async run(): Promise<void> {
    await this.parse(KeyExport)
    const project = await openProjectKey(this.projectDirectory, { create: false })
    const { exportKey } = await import('@errand/core/secrets')
    if (project === undefined)
      throw new ErrandError('KEY_NOT_FOUND', 'This project has no SSH key of its own.', {
        hint: 'errand computetarget attach … --use-azureml-ssh-key',
      })
    const key = exportKey(project)
    this.screen.notice('This is a private key: whoever has it can log in wherever it is known.')
    if (this.globals.output === undefined) await this.screen.out(key)
    else await this.print({ key })
  }
}
