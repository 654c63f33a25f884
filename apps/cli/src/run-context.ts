import { styleText } from 'node:util'
import type { Logger } from '@errand/core'
import type { RunContext, RunContextOptions, Surroundings } from '@errand/core/run'
import type { Screen } from './render/screen.ts'
import { targetRoots } from './target-roots.ts'

export interface RunContextRequest {
  readonly projectDirectory: string
  /** oclif's folder for what the user installs. */
  readonly dataDirectory: string
  readonly screen: Screen
  readonly verbose: boolean
  readonly debug: boolean
  /** Questions that ask for a yes are not asked. */
  readonly yes: boolean
}

/** What every command on runs works with: the project's history, the installed types, a log on stderr, questions on the terminal. */
export async function openContext(request: RunContextRequest): Promise<RunContext> {
  const { openRunContext } = await import('@errand/core/run')
  return openRunContext(await contextOptions(request))
}

/** What a command works with that only looks: nothing of the project is opened for writing. */
export async function openSurroundings(request: RunContextRequest): Promise<Surroundings> {
  const core = await import('@errand/core/run')
  return core.openSurroundings(await contextOptions(request))
}

async function contextOptions(request: RunContextRequest): Promise<RunContextOptions> {
  const { openTargetCatalogue } = await import('@errand/core/targets')
  return {
    projectDirectory: request.projectDirectory,
    targets: openTargetCatalogue(targetRoots(request.dataDirectory)),
    log: logTo(request.screen, request),
    ask: async (question) => (await import('./prompt.ts')).askOnTerminal(request.screen, request)(question),
  }
}

function logTo(screen: Screen, { verbose, debug }: { readonly verbose: boolean; readonly debug: boolean }): Logger {
  const say = (text: string) => void screen.err(`${styleText('dim', text, { stream: process.stderr })}\n`)
  return {
    debug: (message) => {
      if (debug) say(message)
    },
    info: (message) => {
      if (verbose || debug) say(message)
    },
    warn: (message) => screen.notice(`WARNING: ${message}`),
  }
}
