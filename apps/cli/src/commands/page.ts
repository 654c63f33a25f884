import { readFileSync } from 'node:fs'
import { Args } from '../oclif-core.ts'
import { ErrandCommand } from '../command.ts'
import { pageFile, pages } from '../pages.ts'

export default class Page extends ErrandCommand {
  static override hidden = true
  static override summary = 'Prints a page of help: errand help NAME.'
  static override examples = ['<%= config.bin %> help targets', '<%= config.bin %> help migrating']
  static override args = { name: Args.string({ description: 'Name of the page.', required: true, options: [...pages], ignoreStdin: true }) }

  async run(): Promise<void> {
    const { args } = await this.parse(Page)
    const text = readFileSync(pageFile(args.name), 'utf8')
    if (this.globals.output !== undefined) return this.print({ page: args.name, text })
    const { renderPage } = await import('../render/page.ts')
    await this.screen.out(renderPage(text, Math.min(process.stdout.columns ?? 80, 100)))
  }
}
