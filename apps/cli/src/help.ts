import { CommandHelp, Help, type Command } from './oclif-core.ts'

/** A command that is explained by one of its short names does not list that name as another one of itself. */
class ErrandCommandHelp extends CommandHelp {
  protected override aliases(aliases: string[] | undefined): string | undefined {
    return super.aliases(aliases?.filter((alias) => alias !== this.command.id))
  }
}

const narrow = 60
const indentation = 4

export class ErrandHelp extends Help {
  protected override CommandHelpClass = ErrandCommandHelp

  constructor(...[config, options]: ConstructorParameters<typeof Help>) {
    const columns = process.stdout.columns ?? 80
    // In a narrow terminal oclif puts explanations below their options, and forgets that they are indented there.
    super(config, columns < narrow ? { ...options, maxWidth: columns - indentation } : options)
  }

  #words: readonly string[] = []

  override async showHelp(words: string[]): Promise<void> {
    this.#words = words
    await super.showHelp(words)
  }

  /** `computetarget attach TYPE --help` has the options of that type. */
  override async showCommandHelp(command: Command.Loadable): Promise<void> {
    if (!command.id.endsWith(':attach')) return super.showCommandHelp(command)
    const { attachHelp } = await import('./attach-help.ts')
    await super.showCommandHelp(await attachHelp(command, this.#words, this.config.dataDir))
  }
}
