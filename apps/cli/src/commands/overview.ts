import { ErrandCommand } from '../command.ts'
import { projectHere } from '../project-here.ts'

/** Runs that are shown: enough to recognise where one left off. */
const lastRuns = 5

export default class Overview extends ErrandCommand {
  static override summary = 'Shows where you are: the project, its run configurations with their targets, the last few runs.'
  static override description = 'The same as errand alone. Asks no place; what is broken in a file is said by the commands that use it.'
  static override examples = ['<%= config.bin %>', '<%= config.bin %> overview -o json']

  async run(): Promise<void> {
    await this.parse(Overview)
    const { findProject, listRunConfigurations, listTargets } = await import('@errand/core/project')
    // Which project that is, is what it says anyhow.
    const project = await findProject(this.globals.project ?? projectHere().directory)
    const [configurations, targets] = await Promise.all([listRunConfigurations(project), listTargets(project)])
    const typeOf = new Map(targets.map(({ name, type }) => [name, type]))
    const rows = configurations.map(({ name, target, framework }) => ({
      name,
      target: target ?? null,
      type: typeOf.get(target ?? '') ?? (target === 'local' ? 'local' : null),
      framework: framework ?? null,
    }))
    const runs = await this.#runs(project.directory)
    if (this.format !== 'table' || this.globals.query !== undefined) {
      await this.print({ project: { name: project.name, directory: project.directory }, run_configurations: rows, runs: runs.json })
      return
    }
    await this.screen.out(`Project ${project.name} in ${project.directory}\n\n`)
    await this.print(rows, {
      rows: rows.map((row) => ({
        ...row,
        target: row.type === row.target ? row.target : `${row.target ?? '?'} (${row.type ?? 'not there'})`,
      })),
      columns: [{ key: 'name', heading: 'Run configuration' }, 'target', 'framework'],
      empty: 'No run configuration yet: errand runconfiguration create -n NAME -t TARGET',
    })
    await this.screen.out('\n')
    // This machine is there already.
    const first = rows.find(({ type }) => type === 'local') ?? rows[0]
    await this.print(runs.json, { ...runs.view, empty: `Nothing was run yet: errand submit -c ${first?.name ?? 'local'} SCRIPT` })
    await this.screen.out('\nAll commands: errand --help\n')
  }

  async #runs(
    directory: string,
  ): Promise<{ readonly json: readonly Readonly<Record<string, unknown>>[]; readonly view: Parameters<Overview['print']>[1] }> {
    const { listRowFor, openHistoryIfPresent } = await import('@errand/core/history')
    const { historyTableRow, nowCell, nowKey } = await import('../render/history-table.ts')
    using history = openHistoryIfPresent(directory)
    const runs = history?.list({ limit: lastRuns }) ?? []
    const now = new Date()
    const json = runs.map((run) => listRowFor(run, now))
    const rows = runs.map((run, index) => historyTableRow({ ...json[index], [nowKey]: nowCell(run, now) }, run.kind))
    const live = rows.some((row) => row[nowKey] !== '') ? [{ key: nowKey, heading: 'Now' }] : []
    return {
      json,
      view: { rows, columns: [{ key: 'run_id', heading: 'Last runs' }, 'status', ...live, 'script_name', 'target', 'duration'] },
    }
  }
}
