import { Command, Flags, type Input, type ParserOutput } from './oclif-core.ts'
import { type ProjectHere, projectHere } from './project-here.ts'
import { asksForJsonErrors, describeError } from './render/error.ts'
import { openScreen } from './render/screen.ts'
import type { ProgressForm, Screen } from './render/screen.ts'
import type { Column, OutputFormat } from './render/value.ts'

type Values = Record<string, unknown>

const silentGlobals = { quiet: false, yes: false, verbose: false, debug: false }

/** How a value is shown where its JSON form is not what a reader wants to look at. */
export interface View {
  /** Rows of the table, where they are not the value itself. */
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
  /** Which keys become columns, in which order. Without it: those of the rows. */
  readonly columns?: readonly Column[]
  /** The value is what JSON holds already: nothing undefined in it, no dates. */
  readonly plain?: boolean
  /** Said on a terminal when there are no rows. */
  readonly empty?: string
}

/** What every command has: the global flags, output in four formats, errors in one shape. */
export abstract class ErrandCommand extends Command {
  static override baseFlags = {
    output: Flags.option({
      char: 'o',
      summary: 'json, jsonc, table or tsv; without it a table on a terminal and JSON in a pipe.',
      helpValue: 'FORMAT',
      options: ['json', 'jsonc', 'table', 'tsv'] as const,
      helpGroup: 'GLOBAL',
    })(),
    query: Flags.string({ summary: 'JMESPath expression that picks from the output.', helpValue: 'EXPRESSION', helpGroup: 'GLOBAL' }),
    project: Flags.string({
      char: 'p',
      aliases: ['path'],
      summary: 'Folder of the project; without it the current one, or the nearest above that is a project.',
      helpValue: 'PATH',
      helpGroup: 'GLOBAL',
    }),
    quiet: Flags.boolean({ char: 'q', summary: 'Say nothing but results and errors.', helpGroup: 'GLOBAL' }),
    progress: Flags.option({
      summary: 'How far a step is, on stderr: auto (a line at the bottom of a terminal), json (one object a line) or none.',
      helpValue: 'FORM',
      options: ['auto', 'json', 'none'] as const,
      helpGroup: 'GLOBAL',
    })(),
    yes: Flags.boolean({ char: 'y', summary: 'Answer every question that asks for a yes with it.', helpGroup: 'GLOBAL' }),
    verbose: Flags.boolean({ summary: 'Say on stderr what is done.', helpGroup: 'GLOBAL' }),
    debug: Flags.boolean({ summary: 'Say more than that, and show where an error comes from.', helpGroup: 'GLOBAL' }),
  }

  protected readonly screen: Screen = openScreen(process.stdout, process.stderr)
  protected globals: {
    readonly output?: OutputFormat | undefined
    readonly query?: string | undefined
    readonly project?: string | undefined
    readonly progress?: ProgressForm | undefined
    readonly quiet: boolean
    readonly yes: boolean
    readonly verbose: boolean
    readonly debug: boolean
  } = silentGlobals

  /** True when stdout has to hold JSON and nothing else. */
  protected get wantsOnlyJson(): boolean {
    return this.globals.output === 'json' || this.globals.output === 'jsonc'
  }

  /** Of what a command has found; a command that acts speaks in sentences unless a format was asked for. */
  protected get format(): OutputFormat {
    return this.globals.output ?? (process.stdout.isTTY ? 'table' : 'json')
  }

  #here: ProjectHere | undefined

  /** The project that `-p` names, else the nearest one upwards, which is said. Absolute or relative to the current folder. */
  protected get projectDirectory(): string {
    return this.globals.project ?? this.#projectHere.directory
  }

  /** Folder of the project that typed paths are relative to, itself relative to the project: with `-p` always the project, and undefined. */
  protected get typedFrom(): string | undefined {
    return this.globals.project === undefined ? this.#projectHere.from : undefined
  }

  get #projectHere(): ProjectHere {
    if (this.#here !== undefined) return this.#here
    this.#here = projectHere()
    if (this.#here.from !== undefined) this.screen.notice(`Project: ${this.#here.directory}`)
    return this.#here
  }

  /** Prints what a command has found, in the format that was asked for. */
  protected async print(value: unknown, view: View = {}): Promise<void> {
    const { renderValue } = await import('./render/value.ts')
    const queried =
      this.globals.query === undefined ? value : (await import('./render/query.ts')).query(value, this.globals.query, view.plain === true)
    const shown = this.globals.query === undefined ? view : {}
    let leftOut = 0
    const text = renderValue(queried, this.format, {
      ...shown,
      width: process.stdout.isTTY ? process.stdout.columns : undefined,
      leftOut: (columns) => (leftOut = columns),
    })
    await this.screen.out(text)
    if (leftOut === 0) return
    const columns = leftOut === 1 ? 'One column does' : `${leftOut} columns do`
    // Oclif's type knows of no command without options of its own.
    const own: object | undefined = this.ctor.flags
    const picks = own !== undefined && Object.hasOwn(own, 'columns') ? '--columns' : '--query'
    await this.screen.err(`${columns} not fit here: -o json shows all, ${picks} picks some.\n`)
  }

  /** The outcome of a command that acts: a sentence, or with an explicit `-o json` the same as data. */
  protected async printOutcome(sentence: string, value: unknown): Promise<void> {
    await (this.speaks ? this.say(`${sentence}\n`) : this.print(value))
  }

  /** True for a command that acts when no format was asked for: it answers in sentences. */
  protected get speaks(): boolean {
    return this.globals.output === undefined && this.globals.query === undefined
  }

  /** What a command that acts tells on standard output: nothing with `--quiet`. */
  protected async say(text: string): Promise<void> {
    if (!this.globals.quiet) await this.screen.out(text)
  }

  protected override async parse<F extends Values, B extends Values, A extends Values>(
    options?: Input<F, B, A>,
    words = this.argv,
  ): Promise<ParserOutput<F, B, A>> {
    const result = await super.parse(options, words)
    this.globals = { ...silentGlobals, ...result.flags }
    this.screen.adjust(this.globals)
    return result
  }

  protected override async init(): Promise<void> {
    // What oclif does here is about deprecated commands, of which there are none.
  }

  protected override async catch(error: Error): Promise<void> {
    const { text, object, exitCode } = await describeError(error, process.argv.slice(2))
    this.screen.error(text)
    if (asksForJsonErrors(this.argv)) await this.screen.err(object)
    process.exitCode = exitCode
  }

  protected override async finally(): Promise<void> {
    this.screen.close()
  }
}
