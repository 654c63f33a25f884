import { spawn } from 'node:child_process'
import { Flags } from './oclif-core.ts'
import { errorMessage } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import type { Screen } from './render/screen.ts'

export const onEndFlag = {
  'on-end': Flags.string({
    summary: 'Shell command that is called when the run has ended, however; ERRAND_RUN_ID and ERRAND_RUN_STATUS tell it.',
    helpValue: 'COMMAND',
  }),
}

/** For the command line that a client leaves behind with the rest of a run. */
export function onEndWords(command: string | undefined): readonly string[] {
  return command === undefined ? [] : ['--on-end', command]
}

/**
 * Calls a user's command after the end of a run, in the project, and waits for it. What it prints goes to standard error, where it disturbs
 * no reader of ours; that it fails is said and changes nothing.
 */
async function callOnEnd(
  { project, screen }: { readonly project: RunContext['project']; readonly screen: Screen },
  command: string,
  run: RunRecord,
): Promise<void> {
  const { statusWords } = await import('@errand/core/history')
  screen.clear()
  const variables = {
    ERRAND_RUN_ID: run.id,
    ERRAND_RUN_STATUS: statusWords[run.state],
    ERRAND_RUN_SCRIPT: run.script ?? '',
    ERRAND_RUN_TARGET: run.target.name,
    ERRAND_PROJECT: project.directory,
  }
  try {
    const child = spawn(command, { shell: true, cwd: project.directory, env: { ...process.env, ...variables }, stdio: ['ignore', 2, 2] })
    const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (exitCode, signal) => resolve(exitCode ?? signal))
    })
    if (code !== 0) screen.notice(`WARNING: the command of --on-end ended with ${code}.`)
  } catch (error) {
    screen.notice(`WARNING: the command of --on-end could not be called: ${errorMessage(error)}`)
  }
}

/** Does the work; when the run that it is about has ended, well or not, the command is called before anything else is said. */
export async function withOnEnd(
  context: RunContext,
  screen: Screen,
  command: string | undefined,
  work: () => Promise<void>,
  runOf: () => RunRecord | undefined,
): Promise<void> {
  if (command === undefined) return work()
  const { finalStates } = await import('@errand/core/history')
  try {
    await work()
  } finally {
    // A run that failed before it started has said no last word here: its record has. One without a record has only the word.
    const seen = runOf()
    const run = seen === undefined ? undefined : (context.history.get(seen.id) ?? seen)
    if (run !== undefined && finalStates.has(run.state)) await callOnEnd({ project: context.project, screen }, command, run)
  }
}
