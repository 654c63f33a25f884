import { ErrandError } from '@errand/core'
import { Args, Flags } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'

type Listed = InstanceType<typeof ErrandCommand>['config']['commands'][number]

export default class Commands extends ErrandCommand {
  static override summary = 'Lists every command; as JSON with all arguments and options.'
  static override description = 'With words only the commands that they name or begin. The same as --help with -o.'
  static override examples = ['<%= config.bin %> commands', '<%= config.bin %> commands --json', '<%= config.bin %> commands history']
  static override args = {
    words: Args.string({ description: 'A command, or the beginning of several.', multiple: true, ignoreStdin: true }),
  }
  static override flags = { json: Flags.boolean({ summary: 'The same as -o json.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Commands)
    if (flags.json) this.globals = { ...this.globals, output: this.globals.output ?? 'json' }
    const named = this.config.commands.filter((command) => !command.hidden && !isAlias(command))
    const chosen = chooseCommands(named, [args.words ?? []].flat())
    const commands = chosen.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(describe)
    await this.print(commands, { columns: ['command', 'summary'] })
  }
}

/** oclif lists an alias as a command of its own. */
function isAlias({ id, aliases, hiddenAliases }: Listed): boolean {
  return [...aliases, ...hiddenAliases].includes(id)
}

/** Those that as many of the words as possible name: what follows may be arguments. Error: `COMMAND_UNKNOWN`. */
function chooseCommands(commands: readonly Listed[], words: readonly string[]): readonly Listed[] {
  for (let length = words.length; length > 0; length -= 1) {
    const id = words.slice(0, length).join(':')
    const found = commands.filter((command) =>
      [command.id, ...command.aliases, ...command.hiddenAliases].some((name) => name === id || name.startsWith(`${id}:`)),
    )
    if (found.length > 0) return found
  }
  if (words.length === 0) return commands
  throw new ErrandError('COMMAND_UNKNOWN', `There is no command ${words.join(' ')}.`, { hint: 'errand commands lists all of them.' })
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
