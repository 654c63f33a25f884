import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { writeTarget } from '../../packages/create-target/src/index.ts'
import { conformanceBadge } from '../../packages/testkit/src/report.ts'
import { type BrokenReport, type DatedReport, conformancePage } from './page.ts'
import { bringCluster } from '../servers/parts.ts'
import { suites } from './suites.ts'

// `pnpm run conformance [TARGET …]`: runs the suites of these targets, of all without a name, and writes the page of all that was ever shown.

const repository = resolve(import.meta.dirname, '../..')
const kept = join(repository, 'docs/conformance')

/** A suite that fails writes what it has shown all the same. Rejects when a suite did not come to its end. */
async function runSuite(name: string, file: string, folder: string): Promise<void> {
  using place = name === 'mytarget' ? generated() : { directory: repository, [Symbol.dispose]: () => {} }
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
  // The repository's settings know where its tests are; a package of somebody's own has none.
  const settings = place.directory === repository ? [] : ['--root', place.directory, '--testTimeout', '300000']
  const parts = name === 'cluster' ? await bringCluster() : {}
  const env = { ...process.env, ...parts, ERRAND_CONFORMANCE: folder, ERRAND_CHECK: 'all' }
  await once(spawn(process.execPath, [vitest, 'run', ...settings, file], { cwd: place.directory, env, stdio: 'inherit' }), 'exit')
  const written = join(folder, `${name}.json`)
  if (!existsSync(written)) throw new Error(`The suite of ${name} did not come to its end. A part that it needs may be missing here.`)
  const shown = JSON.parse(readFileSync(written, 'utf8'))
  const dated = { ...shown, date: new Date().toISOString().slice(0, 10) }
  mkdirSync(kept, { recursive: true })
  writeFileSync(join(kept, `${name}.json`), `${JSON.stringify(dated, undefined, 2)}\n`)
  if (name !== 'broken') writeFileSync(join(kept, `${name}.svg`), conformanceBadge(dated))
  if (name !== 'broken' && file.startsWith('plugins/')) showBadge(name, file.replace(/\/test\/.*/, '/README.md'))
}

/** The readme of a target that was asked for the first time has the words and no picture yet. */
function showBadge(name: string, readme: string): void {
  const page = '](../../docs/conformance.md)'
  const text = readFileSync(join(repository, readme), 'utf8')
  const picture = `[![checks passed](../../docs/conformance/${name}.svg)${page}`
  if (!text.includes(picture))
    writeFileSync(join(repository, readme), text.replace(`[What it was shown to do${page}`, `${picture} [What it was shown to do${page}`))
}

/** What `pnpm create @errand/target` writes, with the packages of this repository where its author would have installed them. */
function generated(): Disposable & { readonly directory: string } {
  const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'errand-generated-'))
  const directory = join(scratch, 'mytarget')
  writeTarget({ type: 'mytarget', packageName: 'errand-target-mytarget', directory })
  const installed = {
    'plugins/local': ['@errand/core', '@errand/process-engine', '@errand/testkit', '@valibot/to-json-schema', 'valibot'],
    '.': ['vitest', '@types/node'],
  }
  for (const [room, names] of Object.entries(installed)) {
    for (const name of names) {
      const link = join(directory, 'node_modules', name)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(realpathSync(join(repository, room, 'node_modules', name)), link)
    }
  }
  return { directory, [Symbol.dispose]: () => rmSync(scratch, { recursive: true, force: true }) }
}

/** The page as the kept outcomes have it. */
export function writtenPage(): string {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(kept, `${name}.json`), 'utf8'))
  const names = Object.keys(suites).filter((name) => name !== 'broken')
  const { asked = [], unasked = [] } = Object.groupBy(names, (name) => (existsSync(join(kept, `${name}.json`)) ? 'asked' : 'unasked'))
  return conformancePage(
    asked.map((name) => read(name) as DatedReport),
    unasked,
    read('broken') as BrokenReport,
  )
}

if (import.meta.main) {
  const asked = process.argv.slice(2)
  const unknown = asked.filter((name) => !(name in suites))
  if (unknown.length > 0) throw new Error(`There is no suite ${unknown.join(', ')}: ${Object.keys(suites).join(', ')}.`)
  const folder = mkdtempSync(join(tmpdir(), 'errand-conformance-'))
  try {
    for (const [name, file] of Object.entries(suites)) if (asked.length === 0 || asked.includes(name)) await runSuite(name, file, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  writeFileSync(join(repository, 'docs/conformance.md'), writtenPage())
}
