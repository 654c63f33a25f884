import { Args } from '../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { ErrandCommand } from '../command.ts'
import { installedSchemas } from '../installed-schemas.ts'

export default class SchemaCommand extends ErrandCommand {
  static override summary = 'Prints the JSON Schema of a configuration file or of what a command prints with -o json.'
  static override description = `Without a name: the names. A configuration file is runconfig, compute, conda_dependencies or spark_dependencies; the keys of a
.compute file are those of the installed types. An output goes by the words of its command; error and progress are the lines on standard error.
In an output, properties may be added by a later version, never taken away.`
  static override usage = '<%= command.id %> [NAME]'
  static override examples = [
    '<%= config.bin %> schema',
    '<%= config.bin %> schema runconfig',
    { description: 'What a command prints', command: '<%= config.bin %> schema history list' },
  ]
  static override args = {
    name: Args.string({ description: 'File, or command.', multiple: true, ignoreStdin: true }),
  }

  async run(): Promise<void> {
    const { args } = await this.parse(SchemaCommand)
    const { outputSchemas } = await import('../output-schemas.ts')
    const words: readonly string[] = [args.name ?? []].flat()
    // Of all of these the keys of a .compute file alone are those of the installed types.
    const { configurationSchemas } = await import('@errand/core/project')
    const asksForTypes = words.length === 1 && /^(\*?\.)?compute$/.test(words[0] ?? '')
    const files: Readonly<Record<string, object>> = asksForTypes ? await installedSchemas(this.config.dataDir) : configurationSchemas([])
    if (words.length === 0) {
      const names = { file: Object.keys(files), output: Object.keys(outputSchemas) }
      await this.print(Object.entries(names).flatMap(([kind, all]) => all.map((name) => ({ name, kind }))))
      return
    }
    const name = await this.#nameOf(words, [...Object.keys(files), ...Object.keys(outputSchemas)])
    const output = outputSchemas[name]
    const schema = files[name] ?? { $schema: 'https://json-schema.org/draft/2020-12/schema', title: name, ...output }
    // There is no table of it: also a terminal gets JSON.
    this.globals = { ...this.globals, output: this.globals.output ?? 'json' }
    await this.print(schema)
  }

  /** Also by an alias of the command: `runs` is `history list`. */
  async #nameOf(words: readonly string[], names: readonly string[]): Promise<string> {
    const typed = words.join(' ')
    const command = this.config.findCommand(words.join(':'))
    const canonical = command === undefined ? typed : (await command.load()).id.replaceAll(':', ' ')
    const found = [typed, canonical, typed.replace(/^\*?\./, '').replace(/\.yml$/, '')].find((name) => names.includes(name))
    if (found !== undefined) return found
    const { didYouMean } = await import('@errand/core/project')
    throw new ErrandError('SCHEMA_UNKNOWN', `There is no schema "${typed}".`, {
      hint: didYouMean(typed, names) ?? 'errand schema lists the names.',
    })
  }
}
