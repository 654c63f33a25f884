import { Flags } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'

type Listed = InstanceType<typeof ErrandCommand>['config']['commands'][number]

export default class Commands extends ErrandCommand {
  static override summary = 'Lists every command; as JSON with all arguments and options.'
  static override examples = ['<%= config.bin %> commands', '<%= config.bin %> commands --json']
  static override flags = { json: Flags.boolean({ summary: 'The same as -o json.' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(Commands)
    if (flags.json) this.globals = { ...this.globals, output: this.globals.output ?? 'json' }
    const named = this.config.commands.filter((command) => !command.hidden && !isAlias(command))
    const commands = named.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(describe)
    await this.print(commands, { columns: ['command', 'summary'] })
  }
}

/** oclif lists an alias as a command of its own. */
function isAlias({ id, aliases, hiddenAliases }: Listed): boolean {
  return [...aliases, ...hiddenAliases].includes(id)
}

const spaced = (id: string): string => id.replaceAll(':', ' ')

function describe(command: Listed): Readonly<Record<string, unknown>> {
  return {
    command: spaced(command.id),
    aliases: [...command.aliases, ...command.hiddenAliases].map(spaced),
    summary: command.summary ?? '',
    description: command.description ?? null,
    arguments: Object.entries(command.args).map(([name, argument]) => ({
      name,
      description: argument.description ?? '',
      required: argument.required === true,
      multiple: argument.multiple === true,
    })),
    options: Object.entries(command.flags).flatMap(([name, flag]) => (flag.hidden === true ? [] : [describeOption(name, flag)])),
  }
}

function describeOption(name: string, flag: Listed['flags'][string]): Readonly<Record<string, unknown>> {
  const values = flag.type === 'option' ? (flag.options ?? null) : null
  return {
    name,
    letter: flag.char ?? null,
    aliases: flag.aliases ?? [],
    summary: flag.summary ?? '',
    value: flag.type === 'option' ? (flag.helpValue ?? name.toUpperCase()) : null,
    values,
    required: flag.required === true,
    multiple: flag.type === 'option' && flag.multiple === true,
    global: flag.helpGroup === 'GLOBAL',
  }
}
