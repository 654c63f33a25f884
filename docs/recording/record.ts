import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readCast } from './cast.ts'
import { framesOf } from './frames.ts'
import { drawPicture } from './picture.ts'

/**
 * Makes the recording of the README anew, from real runs in a copy of the example iris: `pnpm record`. Leaves `errand.cast`, which
 * `asciinema play` shows, and `errand.svg`, which is the same as a picture. With `--draw` only the picture, from the cast that is there.
 */

const columns = 96
const rows = 26
/** Seconds after which waiting is cut. */
const longest = 1.6

const commands = [
  'errand submit -c local train.py 0.01',
  'clear; errand submit -a -c local learn.py 0.01',
  'errand watch last',
  'clear; sed -i s/rate=0.5/rate=0.2/ classifier.py',
  'errand submit -q -c local learn.py 0.1',
  'errand compare last~1 last',
]

const here = import.meta.dirname
const repository = resolve(here, '../..')

function record(): string {
  const root = mkdtempSync(join(tmpdir(), 'errand-recording-'))
  try {
    const iris = join(root, 'iris')
    const left = /\/(\.errand|results|artifacts|__pycache__)$/
    cpSync(join(repository, 'examples/iris'), iris, { recursive: true, filter: (source) => !left.test(source) })
    copyFileSync(join(here, 'learn.py'), join(iris, 'learn.py'))
    mkdirSync(join(root, 'home'))
    writeFileSync(join(root, 'errand'), `#!/bin/sh\nexec '${process.execPath}' '${repository}/apps/cli/bin/errand.js' "$@"\n`)
    chmodSync(join(root, 'errand'), 0o755)
    const environment = {
      PATH: `${root}:${process.env['PATH'] ?? ''}`,
      HOME: join(root, 'home'),
      ERRAND_KEYCHAIN: 'off',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
    }
    const { stdout, stderr, status } = spawnSync('python3', [join(here, 'terminal.py'), String(columns), String(rows), 'sh'], {
      cwd: iris,
      env: environment,
      input: commands.map((line) => `${JSON.stringify(line)}\n`).join(''),
      encoding: 'utf8',
      maxBuffer: 1e8,
    })
    if (status !== 0) throw new Error(`the recording failed: ${stderr}`)
    if (stdout.includes(root)) throw new Error('the recording shows a path of this machine')
    return stdout
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

const file = join(here, 'errand.cast')
if (!process.argv.includes('--draw')) writeFileSync(file, record())
const cast = readCast(readFileSync(file, 'utf8'))
writeFileSync(join(here, 'errand.svg'), drawPicture(await framesOf(cast, longest), cast.width, cast.height))
