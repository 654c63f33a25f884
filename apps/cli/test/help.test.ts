import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { arrangeWords } from '../src/command-line.ts'
import { renderPage } from '../src/render/page.ts'
import { pageFile, pages } from '../src/pages.ts'
import { cliDirectory, standInTargets, temporaryProject } from './project.ts'

interface ManifestFlag {
  readonly char?: string
  readonly aliases?: readonly string[]
  readonly allowNo?: boolean
}

interface ManifestCommand {
  readonly id: string
  readonly hidden?: boolean
  readonly aliases: readonly string[]
  readonly hiddenAliases: readonly string[]
  readonly examples?: readonly (string | { readonly description: string; readonly command: string })[]
  readonly flags: Readonly<Record<string, ManifestFlag>>
}

const manifest: { readonly commands: Readonly<Record<string, ManifestCommand>> } = JSON.parse(
  readFileSync(join(cliDirectory, 'dist/oclif.manifest.json'), 'utf8'),
)
const commands = Object.values(manifest.commands)

function commandOf(words: readonly string[]): ManifestCommand | undefined {
  for (const length of [3, 2, 1]) {
    const id = words.slice(0, length).join(':')
    const found = commands.find((one) => [one.id, ...one.aliases, ...one.hiddenAliases].includes(id))
    if (found !== undefined && words.length >= length) return found
  }
  return undefined
}

function spellingsOf(name: string, { char, aliases = [] }: ManifestFlag): readonly string[] {
  const long = [name, ...aliases].map((spelling) => `--${spelling}`)
  return char === undefined ? long : [`-${char}`, ...long]
}

/** What of a command line is no command or no option: nothing, where it is a real one. */
async function unknownIn(line: string): Promise<string[]> {
  const words = await arrangeWords(line.split(/\s+/).slice(1))
  const command = commandOf(words)
  if (command === undefined) return words.length === 0 || words[0] === '--help' ? [] : [line]
  const known = new Set(Object.entries(command.flags).flatMap(([name, flag]) => spellingsOf(name, flag)))
  const end = words.indexOf('--')
  const own = end === -1 ? words : words.slice(0, end)
  return own.filter((word) => word.startsWith('-') && word !== '--help' && !known.has(word.split('=', 1)[0] ?? ''))
}

it.each(commands.map((command) => [command.id, command] as const))('%s has examples that are real command lines', async (_id, command) => {
  const lines = (command.examples ?? []).map((example) => (typeof example === 'string' ? example : example.command))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) {
    const own = line
      .slice(line.indexOf('<%= config.bin %>'))
      .replace('<%= config.bin %>', 'errand')
      .replaceAll(/"[^"]*"/g, 'value')
    expect(own).toMatch(/^errand/)
    expect(await unknownIn(own), line).toEqual([])
  }
})

it('has a page for each name, with real commands, and no line wider than the terminal but those of code', async () => {
  const files = readdirSync(join(cliDirectory, 'pages')).map((file) => file.replace(/\.md$/, ''))
  expect(files.toSorted()).toEqual([...pages].toSorted())
  for (const page of pages) {
    const text = readFileSync(pageFile(page), 'utf8')
    for (const [, line = ''] of text.matchAll(/^ {4}(errand .*)$/gm)) expect(await unknownIn(line), line).toEqual([])
    for (const columns of [40, 80]) {
      const shown = renderPage(text, columns).split('\n')
      expect(shown.filter((line) => line.length > columns && !/^ {2}errand /.test(line))).toEqual([])
    }
  }
})

it('prints a page, also in a terminal and as JSON', async () => {
  using project = temporaryProject()
  const page = await project.errand('help', 'migrating')
  expect(page).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Coming from az ml\n/), stderr: '' })
  expect(JSON.parse((await project.errand('help', 'files', '-o', 'json')).stdout)).toMatchObject({ page: 'files' })
  expect((await project.errand('help', 'submit')).stdout).toContain('SCRIPT [ARGUMENTS]')
})

it('explains attach with the options of the type that is named, in any spelling of the command', async () => {
  using project = temporaryProject()
  const folder = standInTargets(join(project.parent, 'plugins'), ['moon'])
  const help = async (...words: readonly string[]) =>
    (await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, 'computetarget', 'attach', ...words)).stdout
  const [all, remote, moon] = [await help('--help'), await help('remote', '--help'), await help('moon', '-h')]
  expect(all).toContain('--address')
  expect(all).not.toContain('--native-shared-directory')
  expect(remote).toContain('--python-location')
  expect(remote).toContain('Of the type remote: ')
  expect(remote).toContain('--quiet')
  expect(moon).toContain('--python-location')
  expect(moon).not.toContain('--address=')
  expect((await project.errand('computecontext', 'attach', 'remote', '--help')).stdout).toContain('--python-location')
  expect(await project.errand('computetarget', 'attach', 'mars', '--help')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^ERROR: .*mars/),
  })
})

it('alone says where one is: project, run configurations with their targets, the last runs', async () => {
  using project = temporaryProject()
  project.write('train.py', 'print("hello")\n')
  project.write('aml_config/far.runconfig', 'Target: moon\nFramework: Python\n')
  const fresh = await project.errand('-o', 'table')
  expect(fresh.stdout).toMatch(/^Project iris in \/.*\/iris\n/)
  expect(fresh.stdout).toMatch(/^far +moon \(not there\) +python$/m)
  expect(fresh.stdout).toContain('Nothing was run yet: errand submit -c local SCRIPT')
  for (let count = 0; count < 2; count++) await project.errand('submit', '-q', '-c', 'local', 'train.py')
  const seen = JSON.parse((await project.errand()).stdout)
  expect(seen).toMatchObject({
    project: { name: 'iris', directory: project.directory },
    run_configurations: [
      { name: 'far', target: 'moon', type: null },
      { name: 'local', target: 'local', type: 'local' },
    ],
    runs: [{ status: 'Completed' }, { status: 'Completed' }],
  })
  expect((await project.inTerminal({})).stdout).toMatch(/iris_\d{13} +Completed +train\.py/)
  const outside = await project.errandWith({ cwd: project.parent })
  expect(outside).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('$ errand init') })
})

it('lists commands as JSON with their options', async () => {
  using project = temporaryProject()
  const { stdout } = await project.errand('commands', '--json')
  const listed: { command: string; aliases: string[]; options: { name: string; letter: string | null }[] }[] = JSON.parse(stdout)
  const visible = commands.filter(({ hidden }) => hidden !== true).map(({ id }) => id.replaceAll(':', ' '))
  expect(listed.map(({ command }) => command).toSorted()).toEqual(visible.toSorted())
  const submit = listed.find(({ command }) => command === 'experiment submit')
  expect(submit?.aliases).toEqual(['submit', 'execute start', 'execute submit'])
  expect(submit?.options).toContainEqual(expect.objectContaining({ name: 'run-configuration', letter: 'c', global: false }))
})
