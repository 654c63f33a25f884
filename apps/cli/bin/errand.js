#!/usr/bin/env node
// Answers what needs no command line parser before anything is imported: start-up is most of what a short command costs.
import { readFileSync } from 'node:fs'
import module from 'node:module'

const words = process.argv.slice(2)
const besideVersion = words.filter((word) => !['--version', '-v', 'version'].includes(word))
const [, format = 'text'] = /^(?:-o=?|--output=)([^=]+)$/.exec(besideVersion.join('=')) ?? []
const asksForVersion = words.length - besideVersion.length === 1 && (besideVersion.length === 0 || format !== 'text')
const major = Number(process.versions.node.split('.', 1)[0])

if (major < 24) {
  process.stderr.write(`ERROR: errand needs Node.js 24 or newer; this is ${process.versions.node}.\n`)
  process.exitCode = 2
} else if (asksForVersion) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const object = JSON.stringify({ version })
  const answers = { text: `errand ${version}`, json: object, jsonc: object, table: `errand ${version}`, tsv: version }
  if (Object.hasOwn(answers, format)) process.stdout.write(`${answers[format]}\n`)
  else {
    process.stderr.write(`ERROR: Expected --output=${format} to be one of: json, jsonc, table, tsv.\nSee: errand --help\n`)
    process.exitCode = 1
  }
} else if (words[0] === '--complete') {
  // Asked by a shell while somebody types: no command line parser for that either.
  keepCompiledCode()
  const { complete } = await import('../dist/completion/complete.js')
  await complete(words.slice(1))
} else {
  keepCompiledCode()
  const { main } = await import('../dist/main.js')
  await main(words)
}

/**
 * Compiled code is kept between calls, in the user's own cache folder: the default, a folder in the shared temporary one, could be filled
 * by somebody else.
 */
function keepCompiledCode() {
  const { HOME: home, LOCALAPPDATA: local, XDG_CACHE_HOME: cache } = process.env
  const base = cache || (process.platform === 'win32' ? local : home && `${home}/.cache`)
  if (base) module.enableCompileCache(`${base}/errand/compiled`)
}
