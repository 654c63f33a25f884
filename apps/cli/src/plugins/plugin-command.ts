import { ErrandCommand } from '../command.ts'
import { watchInterruption } from '../interruption.ts'
import { targetRoots } from '../target-roots.ts'
import type { PluginChange } from './change-plugins.ts'

/** A command that changes what is installed: one at a time, and Ctrl-C ends npm too. */
export abstract class PluginCommand extends ErrandCommand {
  protected async changing<Result>(work: (change: PluginChange) => Promise<Result>): Promise<Result> {
    using interruption = watchInterruption()
    const change: PluginChange = {
      directory: this.config.dataDir,
      roots: targetRoots(this.config.dataDir),
      signal: interruption.signal,
      report: (message) => this.screen.report({ message }),
    }
    const { lockPluginFolder } = await import('./plugin-folder.ts')
    const waiting = (): void => change.report('waiting for another errand that changes the plugins')
    const lock = await lockPluginFolder(change.directory, { signal: change.signal, waiting })
    try {
      return await work(change)
    } finally {
      lock[Symbol.dispose]()
      this.screen.clear()
    }
  }
}
