import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { cliDirectory, temporaryProject } from './project.ts'

interface ManifestCommand {
  readonly id: string
  readonly summary?: string
  readonly examples?: readonly unknown[]
  readonly relativePath: readonly string[]
  readonly flags: Readonly<Record<string, { readonly char?: string; readonly summary?: string }>>
}

function manifestCommands(): ManifestCommand[] {
  const manifest: { commands: Record<string, ManifestCommand> } = JSON.parse(
    readFileSync(join(cliDirectory, 'dist/oclif.manifest.json'), 'utf8'),
  )
  return Object.values(manifest.commands)
}

it.each([
  [['--version'], false],
  [['-v'], false],
  [['version'], false],
  [['--version', '-o', 'json'], true],
  [['--output=json', 'version'], true],
  [['-ojson', '-v'], true],
])('answers %j without anything but its package.json', async (words, asObject) => {
  using project = temporaryProject()
  const alone = mkdtempSync(join(tmpdir(), 'errand-alone-'))
  mkdirSync(join(alone, 'bin'))
  cpSync(join(cliDirectory, 'package.json'), join(alone, 'package.json'))
  cpSync(join(cliDirectory, 'bin/errand.js'), join(alone, 'bin/errand.js'))
  const { version } = JSON.parse(readFileSync(join(cliDirectory, 'package.json'), 'utf8'))
  const { spawnSync } = await import('node:child_process')
  const { stdout, status } = spawnSync(process.execPath, [join(alone, 'bin/errand.js'), ...words], {
    encoding: 'utf8',
    cwd: project.directory,
  })
  rmSync(alone, { recursive: true })
  expect({ stdout, status }).toEqual({ stdout: asObject ? `${JSON.stringify({ version })}\n` : `errand ${version}\n`, status: 0 })
})

it('has every command in the manifest, each with a summary, an example and explained options', () => {
  const commands = manifestCommands()
  const files = readdirSync(join(cliDirectory, 'src/commands'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  expect(commands.map(({ relativePath }) => relativePath.slice(1).join('/')).toSorted()).toEqual(
    files.map((file) => file.replaceAll('\\', '/').replace(/\.ts$/, '.js')).toSorted(),
  )
  for (const { id, summary, examples, flags } of commands) {
    expect(summary, id).toMatch(/\.$/)
    expect(examples?.length, id).toBeGreaterThan(0)
    for (const [name, flag] of Object.entries(flags)) expect(flag.summary, `${id} --${name}`).toMatch(/\S/)
    const letters = Object.values(flags).flatMap(({ char }) => (char === undefined ? [] : [char]))
    expect(new Set(letters).size, `${id}: a letter stands for two options`).toBe(letters.length)
  }
})

it('explains itself with examples at the top and for a command, also with -h and help', async () => {
  using project = temporaryProject()
  const [root, dashes, letter, word] = await Promise.all([
    project.errand('--help'),
    project.errand('history', 'list', '--help'),
    project.errand('history', 'list', '-h'),
    project.errand('help', 'history', 'list'),
  ])
  expect(root?.exitCode).toBe(0)
  expect(root?.stdout).toContain('$ errand submit -c local train.py 0.01')
  expect(root?.stdout).toMatch(/^ +continue +Goes on with a run/m)
  expect(dashes?.stdout).toContain('EXAMPLES')
  expect(letter?.stdout).toBe(dashes?.stdout)
  expect(word?.stdout).toBe(dashes?.stdout)
})

it.each([
  [['hstory', 'list'], 'There is no command "hstory".', 'Did you mean: errand history list'],
  [['history', 'lits'], 'There is no command "history lits".', 'Did you mean: errand history list'],
  [['runconfiguration', 'burn'], 'There is no command "runconfiguration burn".', 'Commands of runconfiguration: create, delete, list.'],
  [['histoy', 'list'], 'There is no command "histoy".', 'Did you mean: errand history list'],
  [['histoy'], 'There is no command "histoy".', 'Did you mean: errand history'],
  [['-V'], 'There is no option -V.', 'Did you mean: errand --version'],
  [['--vresion'], 'There is no option --vresion.', 'Did you mean: errand --version'],
  [['-x'], 'There is no option -x.', 'See: errand --help'],
  [['run', 'train.py'], 'There is no command "run".', 'Did you mean: errand submit'],
  [['ps'], 'There is no command "ps".', 'Did you mean: errand runs'],
  [['login'], 'errand has no login.', 'There is no account, and nothing to log in to. Leave it away.'],
  [
    ['ml', 'model', 'register', '-m', 'x.pkl'],
    'errand has no model.',
    'Errand runs scripts and registers no models. errand download last brings the files of a run.',
  ],
  [
    ['history', 'promote', '-r', 'last', '-n', 'm'],
    'errand has no history promote.',
    'Bring the file into a folder of yours: errand download RUN --artifact PATH -d FOLDER',
  ],
  [
    ['-w', 'hunter2', 'computetarget', 'attach', 'remote', '--private-key-passphrase=hunter2', '-whunter2'],
    'The option -w stands before the command.',
    "Did you mean: errand computetarget attach -w SECRET remote '--private-key-passphrase=SECRET' -wSECRET",
  ],
  [['-c', 'my own', 'submit', 'train.py'], 'The option -c stands before the command.', "Did you mean: errand submit -c 'my own' train.py"],
  [['--version', '-o', 'yaml'], 'Expected --output=yaml to be one of: json, jsonc, table, tsv.', 'See: errand --help'],
  [['help', 'histoy'], 'There is no command "histoy".', 'Did you mean: errand history'],
  [['restore', 'last', '--to', 'x'], 'There is no command "restore".', 'Did you mean: errand history restore'],
  [
    ['show', 'last', 'outputs/result.txt'],
    'The command takes no such argument: outputs/result.txt.',
    'For a file of the run: --artifact outputs/result.txt',
  ],
  [['experimnt', 'submti'], 'There is no command "experimnt".', 'Did you mean: errand experiment submit'],
  [['history', 'list', 'extra'], 'The command takes no such argument: extra.', 'See: errand history list --help'],
  [['history', 'list', '--statsu', 'x'], 'There is no option --statsu.', 'Did you mean: --status'],
  [['history', 'list', '--status'], 'Flag --status expects a value.', 'See: errand history list --help'],
  [['history', 'list', '-o', 'xml'], 'Expected --output=xml to be one of: json, jsonc, table, tsv.', 'See: errand history list --help'],
  [
    ['history', 'list', '--limit', 'many'],
    "The option --limit can't be used: Expected an integer but received: many.",
    'See: errand history list --help',
  ],
  [['runconfiguration', 'create', '-n', 'x'], 'The option --target is missing.', 'See: errand runconfiguration create --help'],
  [['secret', 'set'], 'The argument NAME is missing.', 'See: errand secret set --help'],
  [['submit', 's.py'], 'The option --run-configuration is missing.', 'See: errand experiment submit --help'],
  [['submit', 's.py'], 'The option --run-configuration is missing.', 'Say which: -c local'],
  [['prepare'], 'The option --run-configuration is missing.', 'See: errand experiment prepare --help'],
  [['submit', '--conf', 'local', 's.py'], 'There is no option --conf.', 'Did you mean: --run-configuration'],
  [['logs', '-F', 'last'], 'There is no option -F.', 'Did you mean: -f'],
  [['wait', '--silent', 'last'], 'There is no option --silent.', 'See: errand wait --help'],
  [['runconfiguration', 'delete', '--silent'], 'There is no option --silent.', 'Options of runconfiguration delete: --name.'],
])('answers %j with one sentence and the way out', async (words, sentence, hint) => {
  using project = temporaryProject()
  const { exitCode, stdout, stderr } = await project.errand(...words)
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr.split('\n')[0]).toBe(`ERROR: ${sentence}`)
  expect(stderr.split('\n').slice(1)).toContain(hint)
})

it('names the run configurations of the project when none is chosen', async () => {
  using project = temporaryProject()
  for (const name of ['docker', 'gpu']) project.write(`aml_config/${name}.runconfig`, 'ArgumentVector: [$file]\n')
  const { stderr } = await project.errand('submit', 'train.py')
  expect(stderr.split('\n')[1]).toBe('Say which: -c docker, -c gpu, or -c local')
})

it('explains a command by any of its names, without that name as another one', async () => {
  using project = temporaryProject()
  expect((await project.errand('experiment', 'cancel', '--help')).stdout).toMatch(/^ALIASES\n {2}\$ errand cancel$/m)
  expect((await project.errand('cancel', '--help')).stdout).not.toContain('ALIASES')
})

it('shows where an error comes from only with --debug', async () => {
  using project = temporaryProject({})
  const quiet = await project.errand('computetarget', 'list')
  const loud = await project.errand('computetarget', 'list', '--debug')
  expect(quiet).toMatchObject({ exitCode: 1, stdout: '' })
  expect(quiet.stderr).toMatch(/^ERROR: .*aml_config/)
  expect(quiet.stderr).not.toContain('    at ')
  expect(loud.stderr.split('\n')[0]).toBe(quiet.stderr.split('\n')[0])
  expect(loud.stderr).toContain('    at ')
})

it.each(['development', 'test', 'production'])('is the same with NODE_ENV=%s', async (mode) => {
  using project = temporaryProject()
  const { stdout, stderr, exitCode } = await project.errandWith({ environment: { NODE_ENV: mode } }, 'computetarget', 'list')
  expect({ names: JSON.parse(stdout), stderr, exitCode }).toEqual({ names: ['local'], stderr: '', exitCode: 0 })
})

it('takes the project from -p, --project and --path, before and behind the command', async () => {
  using project = temporaryProject()
  const elsewhere = { cwd: project.parent }
  for (const words of [
    ['runconfiguration', 'list', '-p', 'iris'],
    ['runconfiguration', 'list', '--project', 'iris'],
    ['--path', project.directory, 'runconfiguration', 'list'],
  ]) {
    const { stdout } = await project.errandWith(elsewhere, ...words)
    expect(JSON.parse(stdout)).toEqual(['local'])
  }
})
