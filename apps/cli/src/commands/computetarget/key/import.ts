import { Args, Flags } from '../../../oclif-core.ts'
import { ErrandError, errorMessage } from '@errand/core'
import { ErrandCommand } from '../../../command.ts'
import { openProjectKey } from '../../../project-key.ts'

export default class KeyImport extends ErrandCommand {
  static override summary = "Takes a colleague's key as the SSH key of this project."
  static override description =
    'It is kept outside the project, in a file that only you can read. Targets with `privateKey: project` log in with it.'
  static override examples = [
    '<%= config.bin %> computetarget key import team-key',
    { description: 'From standard input', command: 'pass show team-key | <%= config.bin %> computetarget key import' },
  ]
  static override args = { file: Args.string({ description: 'File with the key; without it standard input is read.', ignoreStdin: true }) }
  static override flags = { overwrite: Flags.boolean({ summary: 'Replace the key that the project has.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyImport)
    const text = args.file === undefined ? await readInput() : await readText(args.file)
    const project = await openProjectKey(this.projectDirectory, { create: true })
    if (project === undefined) throw new Error('A project that was just given a history has none.')
    const { importKey } = await import('@errand/core/secrets')
    const path = importKey(project, text, { overwrite: flags.overwrite })
    await this.printOutcome(`The key of the project is kept in ${path}, which only you can read.`, { file: path })
  }
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY)
    throw new ErrandError('KEY_MISSING', 'Say which file holds the key.', { hint: 'errand computetarget key import FILE' })
  return (await import('../../../prompt.ts')).readStandardInput()
}

async function readText(file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ErrandError('KEY_UNREADABLE', `${file} can't be read: ${errorMessage(cause)}.`, { cause })
  })
}
