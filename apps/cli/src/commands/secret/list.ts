import { ErrandCommand } from '../../command.ts'
import { openProjectSecrets } from '../../secrets.ts'

export default class SecretList extends ErrandCommand {
  static override summary = 'Lists the names of the secrets that are kept, never their values.'
  static override examples = ['<%= config.bin %> secret list']

  async run(): Promise<void> {
    await this.parse(SecretList)
    const secrets = await openProjectSecrets(this.projectDirectory, { create: false })
    const rows = ((await secrets?.list()) ?? []).map(({ name, target, source }) => ({ name, target: target ?? null, source }))
    await this.print(rows, { empty: 'No secret is kept for this project.' })
  }
}
