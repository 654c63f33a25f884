import { CommandHelp, Help } from '@oclif/core/help'

/** A command that is explained by one of its short names does not list that name as another one of itself. */
class ErrandCommandHelp extends CommandHelp {
  protected override aliases(aliases: string[] | undefined): string | undefined {
    return super.aliases(aliases?.filter((alias) => alias !== this.command.id))
  }
}

export class ErrandHelp extends Help {
  protected override CommandHelpClass = ErrandCommandHelp
}
