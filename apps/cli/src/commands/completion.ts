import { Args } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'
import { shells } from '../completion/shells.ts'

const setups = Object.entries(shells)
  .map(([name, { setup }]) => `  ${name}: ${setup}`)
  .join('\n')

export default class Completion extends ErrandCommand {
  static override summary = 'Prints what a shell needs to complete commands, options, run configurations, targets and runs.'
  static override description = `Where it belongs, once and for all:\n${setups}`
  static override examples = ['eval "$(<%= config.bin %> completion bash)"', '<%= config.bin %> completion fish']
  static override args = {
    shell: Args.string({ description: 'The shell.', required: true, options: Object.keys(shells), ignoreStdin: true }),
  }

  async run(): Promise<void> {
    const { args } = await this.parse(Completion)
    const { script = '', setup = '' } = shells[args.shell] ?? {}
    if (this.globals.output !== undefined) await this.print({ shell: args.shell, setup, script })
    else await this.screen.out(script)
  }
}
