import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { existsSync } from 'node:fs'
import { ErrandError, errorCode } from '@errand/core'

/** Lines of npm's own words that an error repeats. */
const shownLines = 12

export interface NpmOptions {
  /** The folder whose package.json npm changes. */
  readonly directory: string
  readonly signal: AbortSignal
  /** Whether packages may run their install scripts. */
  readonly scripts: boolean
}

/**
 * The user's own npm, with her registry, proxy and credentials: bringing one along would double the size of this program.
 * @throws ErrandError NPM_MISSING, NPM_FAILED with npm's own words
 */
export async function npm(words: readonly string[], { directory, signal, scripts }: NpmOptions): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--no-progress', '--loglevel=error', ...(scripts ? [] : ['--ignore-scripts'])]
  const [command, leading] = npmProgram()
  const { exitCode, said } = await run(command, [...leading, ...words, '--prefix', directory, ...quiet], directory, signal)
  if (exitCode === 0) return
  const lines = said.split('\n').filter((line) => line.trim() !== '' && !/A complete log of this run|^npm (error|ERR!) *$/.test(line))
  throw new ErrandError('NPM_FAILED', [`npm ${words.join(' ')} failed:`, ...lines.slice(-shownLines)].join('\n'), {
    hint: /E404|404 Not Found/.test(said)
      ? 'Is the name right? `errand targets` shows the known ones.'
      : 'The same command in a terminal, with `npm` in front, shows all that npm says.',
  })
}

/** npm beside the node that runs this, where there is one: the PATH may hold another node's. */
function npmProgram(): readonly [string, readonly string[]] {
  const folder = dirname(process.execPath)
  const places = [join(folder, '../lib/node_modules/npm/bin/npm-cli.js'), join(folder, 'node_modules/npm/bin/npm-cli.js')]
  const script = places.find((path) => existsSync(path))
  return script === undefined ? ['npm', []] : [process.execPath, [script]]
}

function run(
  command: string,
  words: readonly string[],
  directory: string,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: directory, signal, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('close', (exitCode) => resolve({ exitCode, said }))
    child.on('error', (error) =>
      reject(
        errorCode(error) === 'ENOENT'
          ? new ErrandError('NPM_MISSING', 'Plugins are installed with npm, and there is none on the PATH.', {
              hint: 'Install Node.js with npm, then repeat this command.',
              cause: error,
            })
          : error,
      ),
    )
  })
}
