import { existsSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { HistoryCommand } from '../../history-command.ts'
import { runArgument, runFlag } from '../../run-command.ts'

export default class HistoryDownload extends HistoryCommand {
  static override summary = 'Copies the files of a run into a folder.'
  static override description =
    'Without -d the folder is artifacts/RUN of the project. Folders of the run are kept: artifacts/RUN/outputs/model.pkl. Without --overwrite nothing is written when a file is already there.'
  static override aliases = ['download']
  static override examples = [
    '<%= config.bin %> history download last',
    '<%= config.bin %> history download -r churn_1521077190506 --artifact outputs/model.pkl -d results --overwrite',
  ]
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    last: Flags.boolean({ summary: 'The newest run.' }),
    artifact: Flags.string({ char: 'a', summary: 'Only this file.', helpValue: 'FILE' }),
    destination: Flags.string({
      char: 'd',
      summary: 'Folder, relative to the project (below it: to the current folder); without it artifacts/RUN of the project.',
      helpValue: 'DIR',
    }),
    overwrite: Flags.boolean({ summary: 'Replace files that are there.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HistoryDownload)
    await using context = await this.openContext()
    const chosen = this.findRun(context, { flag: flags.run ?? (flags.last ? 'last' : undefined), argument: args.run })
    const run = await this.upToDate(context, chosen)
    const { artifactNames, readArtifact } = await import('@errand/core/history')
    const { writeBlocks } = await import('../../write-blocks.ts')
    const { directory: project } = context.project
    const directory =
      flags.destination === undefined ? join(project, 'artifacts', run.id) : resolve(project, this.typedFrom ?? '', flags.destination)
    const names = flags.artifact === undefined ? artifactNames(context.history, run) : [flags.artifact]
    const copies = names.map((name) => ({ name, path: pathInside(directory, name) }))
    if (!flags.overwrite) refuseToOverwrite(copies)
    const lines: string[] = []
    for (const { name, path } of copies) {
      this.screen.report({ message: `copying ${name}`, done: lines.length, total: copies.length, unit: 'files' })
      await writeBlocks(path, readArtifact(context.history, run, name))
      lines.push(`Artifact ${name} has been downloaded to ${path}`)
    }
    this.screen.clear()
    await this.printOutcome(
      lines.join('\n'),
      copies.map(({ name, path }) => ({ artifact: name, path })),
    )
  }
}

/** Names come from the run's place: none of them may lead out of the folder. */
function pathInside(directory: string, name: string): string {
  const path = join(directory, name)
  const inside = relative(directory, path)
  if (inside.startsWith('..') || isAbsolute(inside)) {
    throw new ErrandError('ARTIFACT_NAME_INVALID', `The artifact ${name} would be written outside ${directory}.`)
  }
  return path
}

function refuseToOverwrite(copies: readonly { readonly name: string; readonly path: string }[]): void {
  const there = copies.filter(({ path }) => existsSync(path))
  if (there.length === 0) return
  throw new ErrandError(
    'FILE_EXISTS',
    there.map(({ name, path }) => `${path} is already there; the artifact ${name} was not downloaded.`).join('\n'),
    {
      hint: 'Nothing was written. Add --overwrite to replace the files, or -d DIR for another folder.',
    },
  )
}
