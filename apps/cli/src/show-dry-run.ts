import { exitCodes } from '@errand/core'
import type { DryRun } from '@errand/core/run'
import type { Screen } from './render/screen.ts'

/** Shows a plan: with `print` as data, else as text. Exit code 1 when it would not start. */
export async function showDryRun(plan: DryRun, screen: Screen, print: (() => Promise<void>) | undefined): Promise<void> {
  screen.clear()
  const { formatDiagnostic } = await import('@errand/core/project')
  for (const diagnostic of plan.diagnostics)
    screen.notice(`${diagnostic.severity === 'note' ? 'Note' : 'WARNING'}: ${formatDiagnostic(diagnostic)}`)
  for (const note of plan.notes) screen.notice(note)
  if (print !== undefined) await print()
  else {
    const { renderDryRun } = await import('./render/dry-run.ts')
    await screen.out(renderDryRun(plan))
  }
  if (plan.problem !== undefined) process.exitCode = exitCodes.failed
}
