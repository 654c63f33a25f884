import type { RunUpdate } from '@errand/core/run'
import type { Screen } from './screen.ts'

const lineFeed = 10

export interface TranscriptOptions {
  /** Everything goes to stderr: stdout is kept for JSON. */
  readonly onlyErrors: boolean
  /** Also what was done for the run, and not only what it wrote. */
  readonly control: boolean
  /** Nothing but what the script writes. */
  readonly quiet: boolean
}

/** The console of a blocking submit as the original wrote it; batch files read its `RunId:` lines. */
export interface Transcript {
  show(update: RunUpdate): Promise<void>
}

export function openTranscript(screen: Screen, { onlyErrors, control, quiet }: TranscriptOptions): Transcript {
  const say = (data: string | Uint8Array): Promise<void> => (onlyErrors ? screen.err(data) : screen.out(data))
  const sayAround = async (text: string): Promise<void> => {
    if (!quiet) await say(text)
  }
  let lastByte = lineFeed
  return {
    async show(update) {
      switch (update.type) {
        case 'created':
          return sayAround(`RunId: ${update.run.id}\n`)
        case 'started':
          screen.clear()
          return sayAround(`\nExecuting user inputs .....\n===========================\n\n`)
        case 'log': {
          if (update.stream === 'control') return control ? screen.err(update.data) : undefined
          if (update.stream === 'stdout') lastByte = update.data.at(-1) ?? lastByte
          return update.stream === 'stdout' ? say(update.data) : screen.err(update.data)
        }
        case 'ended': {
          screen.clear()
          const openLine = lastByte === lineFeed ? '' : '\n'
          return sayAround(`${openLine}\nExecution Details\n=================\nRunId: ${update.run.id}\n`)
        }
        default:
          return undefined
      }
    },
  }
}
