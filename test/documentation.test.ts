import { chmodSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../packages/core/src/errors.ts'
import { computeKeys } from '../packages/core/src/project/compute-keys.ts'
import { runConfigurationKeys } from '../packages/core/src/project/run-configuration-keys.ts'
import { repository, startProcess } from './errand.ts'

/**
 * README and docs are kept true. Blocks marked `sh` that begin with `errand` or `./errand` are run, page by page and in order: with
 * `./errand` in a checkout, else in the folder of the example iris. `sh fails` is for commands that end with 1, `sh skip` for those that
 * need a machine that is not here. A block marked `text` behind one of them is what it prints.
 */

const pages = ['README.md', ...globSync('docs/*.md', { cwd: repository }).toSorted()]
const read = (page: string) => readFileSync(join(repository, page), 'utf8')

interface Block {
  readonly line: number
  readonly mark: string
  readonly text: string
  /** The `text` block that follows. */
  readonly prints?: string
}

function blocksOf(page: string): Block[] {
  const source = read(page)
  const found = [...source.matchAll(/^```(sh[^\n]*)\n(.*?)^```\n(?:[^`]*?^```text\n(.*?)^```\n)?/gms)]
  return found.map(({ 1: mark = '', 2: text = '', 3: prints, index }) => {
    const line = source.slice(0, index).split('\n').length
    return prints === undefined ? { line, mark, text } : { line, mark, text, prints }
  })
}

const isRun = ({ text, mark }: Block) => /^(\.\/)?errand /.test(text) && mark !== 'sh skip'

/** A checkout with nothing but the example and the command, and a user who owns nothing yet. */
function makeCheckout() {
  const root = mkdtempSync(join(tmpdir(), 'errand-docs-'))
  const checkout = join(root, 'checkout')
  const iris = join(checkout, 'examples/iris')
  mkdirSync(iris, { recursive: true })
  const left = /\/(\.errand|results|artifacts|__pycache__)$/
  cpSync(join(repository, 'examples/iris'), iris, { recursive: true, filter: (source) => !left.test(source) })
  writeFileSync(join(checkout, 'errand'), `#!/bin/sh\nexec '${process.execPath}' '${repository}/apps/cli/bin/errand.js' "$@"\n`)
  chmodSync(join(checkout, 'errand'), 0o755)
  const { ERRAND_HOME: _home, ERRAND_CONFIG: _config, XDG_CONFIG_HOME: _xdg, ...inherited } = process.env
  const own = { HOME: join(root, 'home'), ERRAND_KEYCHAIN: 'off', NO_COLOR: '1', PATH: `${checkout}:${inherited['PATH'] ?? ''}` }
  mkdirSync(own.HOME)
  return {
    iris,
    run: (text: string) => startProcess('sh', ['-ec', text], text.startsWith('./') ? checkout : iris, { ...inherited, ...own }).finished,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/** What differs from run to run. */
const withoutIds = (text: string) => text.replaceAll(/iris_\d{13}/g, 'iris_<milliseconds>')

describe.each(pages.filter((page) => blocksOf(page).some(isRun)))('%s', (page) => {
  it('says only commands that work as it says', async () => {
    using checkout = makeCheckout()
    for (const block of blocksOf(page).filter(isRun)) {
      const finished = await checkout.run(block.text)
      const about = `${page}:${block.line}\n${finished.stdout}${finished.stderr}`
      expect(finished.exitCode, about).toBe(block.mark === 'sh fails' ? 1 : 0)
      if (block.mark === 'sh fails') expect(finished.stderr, about).toMatch(/^ERROR: /m)
      if (block.prints !== undefined) expect(withoutIds(finished.stdout), about).toBe(withoutIds(block.prints))
    }
    if (page === 'README.md') expect(existsSync(join(checkout.iris, 'results/outputs/iris.svg'))).toBe(true)
  })
})

describe('every page', () => {
  it.each(pages.filter((page) => read(page).includes('```python')))('%s has Python that runs', async (page) => {
    using checkout = makeCheckout()
    for (const [, code = ''] of read(page).matchAll(/^```python\n(.*?)^```/gms)) {
      writeFileSync(join(checkout.iris, 'example.py'), code)
      const finished = await checkout.run('errand submit -c local example.py')
      expect(finished, code).toMatchObject({ exitCode: 0, stderr: '' })
    }
  })

  it('marks its commands so that they are run, or begins with what is not errand', () => {
    const others = pages.flatMap((page) =>
      blocksOf(page)
        .filter((block) => !isRun(block) && block.mark !== 'sh skip')
        .map(({ text }) => text.split('\n')[0]),
    )
    expect(others).toEqual(['./check', 'export PATH="$PWD:$PATH"'])
    expect(pages.flatMap(blocksOf).filter(isRun).length).toBeGreaterThan(20)
    expect(blocksOf('README.md')[0]?.prints).toMatch(/^RunId: /)
  })

  it.each(pages)('%s links to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '')
    expect(links.filter((link) => !existsSync(join(repository, dirname(page), link)))).toEqual([])
  })

  it('is linked from the README', () => {
    expect(pages.filter((page) => page !== 'README.md' && !read('README.md').includes(`(${page})`))).toEqual([])
  })
})

describe('tables', () => {
  const firstColumn = (page: string) => [...read(page).matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1] ?? '')

  it('exit codes are those of the program', () => {
    const documented = firstColumn('docs/exit-codes.md')
      .filter((cell) => /^\d+$/.test(cell))
      .map(Number)
    expect(documented).toEqual(Object.values(exitCodes))
  })

  it('every command that answers by its exit code has a row of exit codes', () => {
    const rows = firstColumn('docs/exit-codes.md').join(' ')
    const sources = globSync('apps/cli/src/commands/**/*.ts', { cwd: repository })
    const answering = sources.filter((file) => /process\.exitCode = exitCodes\.failed|extends StartCommand/.test(read(file)))
    const commands = answering.map((file) => file.replace(/^.*commands\/(experiment\/)?|\.ts$/g, '').replace('/', ' '))
    expect(commands.length).toBeGreaterThan(6)
    expect(commands.filter((command) => !new RegExp(`\`${command}[ \`]`).test(rows))).toEqual([])
  })

  it('every key of the two configuration files is explained', () => {
    const text = read('docs/configuration-files.md')
    const used = Object.entries(computeKeys).filter(([, key]) => key.types.length > 0)
    const keys = [...Object.keys(runConfigurationKeys), ...used.map(([name]) => name)]
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([])
  })
})

describe('code that a page quotes', () => {
  const quotes = pages.flatMap((page) =>
    [...read(page).matchAll(/^```ts (\S+)\n(.*?)^```$/gms)].map(([, file = '', text = '']) => ({ page, file, text })),
  )

  it('is there', () => {
    expect(quotes.length).toBeGreaterThan(3)
  })

  for (const { page, file, text } of quotes) {
    it(`${page} quotes ${file} as it is: ${text.split('\n')[0]}`, () => {
      expect(read(file)).toContain(text)
    })
  }
})
