import { arrangeWords } from './command-line.ts'
import { builtDirectory, readPackage } from './oclif.ts'
import { asksForJsonErrors, describeError, exitWithoutWords } from './render/error.ts'

/** Runs one command line, without the program's name, and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  endQuietlyWhenNobodyReads()
  showWarningsOnlyForDebug(words)
  let arranged = words
  try {
    arranged = await arrangeWords(words)
    const { run, settings } = await import('./oclif-core.ts')
    // The commands of a linked plugin are what its author has built.
    settings.enableAutoTranspile = false
    await run([...arranged], { root: builtDirectory, pjson: readPackage() })
  } catch (error) {
    process.exitCode = exitWithoutWords(error) ?? (await tell(error, arranged))
  }
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit()
}

/** The exit code of what is told. */
async function tell(error: unknown, words: readonly string[]): Promise<number> {
  const { text, object, exitCode } = await describeError(error, words)
  process.stderr.write(asksForJsonErrors(words) ? text + object : text)
  return exitCode
}

/** `errand history list | head -1`: what is left to say has no reader. A run goes on whatever becomes of its client. */
function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit()
      throw error
    })
  }
}

/** Node prints warnings of its own on stderr, where the first line of a failed command has to be `ERROR:`. */
function showWarningsOnlyForDebug(words: readonly string[]): void {
  if (words.includes('--debug')) return
  process.removeAllListeners('warning')
  process.on('warning', () => undefined)
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
