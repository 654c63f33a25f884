import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shells } from '../src/completion/shells.ts'
import { type TemporaryProject, cliDirectory, runIdOf, temporaryProject } from './project.ts'

const program = join(cliDirectory, 'bin/errand.js')

/** What the program offers a shell for a line; its last word, which may be empty, is completed. */
async function offered(project: TemporaryProject, line: string, shell = 'fish'): Promise<string[]> {
  const { exitCode, stdout, stderr } = await project.errand('--complete', shell, ...line.split(' '))
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return stdout.split('\n').flatMap((text) => (text === '' ? [] : [text.split('\t')[0] ?? '']))
}

function projectToComplete(): TemporaryProject {
  const made = temporaryProject()
  made.write('train.py', 'print("hello")\n')
  made.write('aml_config/nightly build.runconfig', 'Target: gpu\n')
  made.write('aml_config/gpu.compute', 'type: remote\naddress: gpu\nusername: ann\n')
  return made
}

describe('what is offered', () => {
  it.each([
    ['hist', ['history']],
    ['history l', ['last', 'list']],
    ['-o json history l', ['last', 'list']],
    ['-o j', ['json', 'jsonc']],
    ['computetarget key ', ['export', 'import']],
    ['help mig', ['migrating']],
    ['help history l', ['last', 'list']],
    ['submit -c ', ['local', 'nightly build']],
    ['submit --run-configuration=l', ['--run-configuration=local']],
    ['submit --runconfig ', ['local', 'nightly build']],
    ['execute start -c l', ['local']],
    ['experiment submit -c local -t ', ['local', 'gpu']],
    ['submit -ac l', ['local']],
    ['computetarget show ', ['local', 'gpu']],
    ['computetarget attach rem', ['remote', 'remotedocker']],
    ['history list --status c', ['completed', 'canceled']],
    ['history list --out', ['--output']],
    ['history list --limit 3 --li', []],
    ['runconfiguration delete -n l', ['local']],
    ['submit -c local ', [':files']],
    ['submit -c local train.py --l', [':files']],
    ['submit -d ', [':files']],
    ['sweep -c local ', [':files']],
    ['sweep -c local train.py --each rate=1,2 --dry-', []],
    ['sweep -c local --dry-', ['--dry-run']],
    ['sweep -c local train.py --', ['--best', '--each', '--parallel', '--random', '--stop-after']],
    ['sweep -c local train.py -- --', [':files']],
    ['history list -p ', [':directories']],
    ['completion f', ['fish']],
    ['nonsense ', []],
    ['show --run ', []],
  ])('for "%s" is %j', async (line, expected) => {
    using made = projectToComplete()
    expect((await offered(made, line)).toSorted()).toEqual(expected.toSorted())
  })

  it('names recent runs, newest first, in the project that -p names', async () => {
    using made = projectToComplete()
    const ids = []
    for (let count = 0; count < 2; count++) ids.unshift(runIdOf(await made.errand('submit', '-c', 'local', 'train.py')))
    expect(await offered(made, 'show ')).toEqual(['last', ...ids])
    expect(await offered(made, 'logs -f iris_')).toEqual(ids)
    expect(await offered(made, 'wait last ')).toEqual(['last', ...ids])
    expect(await offered(made, 'compare last~1 iris_')).toEqual(ids)
    const elsewhere = await made.errandWith({ cwd: made.parent }, '--complete', 'fish', 'show', '-p', 'iris', '')
    expect(elsewhere.stdout).toContain(`${ids[0]}\tcompleted train.py\n`)
  })

  it('knows the commands and the types of targets of plugins', async () => {
    using made = projectToComplete()
    const plugin = (name: string, files: Readonly<Record<string, unknown>>) => {
      for (const [file, content] of Object.entries(files)) made.write(`../${name}/${file}`, JSON.stringify(content))
      return { name, type: 'link', root: join(made.parent, name) }
    }
    // As an older oclif writes it.
    const fly = { id: 'moon:fly', aliases: [], args: [], flags: { height: { type: 'option' } } }
    const plugins = [
      plugin('plain', {
        'package.json': {
          name: 'plain',
          version: '1.0.0',
          oclif: { commands: './commands' },
          errand: { targets: { moon: './target.js' } },
        },
        'target.js': 0,
        'commands/moon/land.js': 0,
      }),
      plugin('manifested', { 'package.json': { name: 'manifested' }, 'oclif.manifest.json': { commands: { 'moon:fly': fly } } }),
      plugin('gone', {}),
    ]
    made.write('../data/errand/package.json', JSON.stringify({ oclif: { schema: 1, plugins } }))
    expect(await offered(made, 'mo')).toEqual(['moon'])
    expect(await offered(made, 'moon ')).toEqual(['fly', 'land'])
    expect(await offered(made, 'moon fly --hei')).toEqual(['--height'])
    expect(await offered(made, 'computetarget attach m')).toEqual(['moon'])
    made.write('../data/errand/package.json', '{')
    expect(await offered(made, 'hist')).toEqual(['history'])
  })

  it('knows how bash cuts words at =, and that PowerShell drops empty ones', async () => {
    using made = projectToComplete()
    expect(await offered(made, 'submit --run-configuration = l', 'bash')).toEqual(['local'])
    expect(await offered(made, 'submit --run-configuration =', 'bash')).toEqual(['local', 'nightly build'])
    expect(await offered(made, 'submit -c =', 'powershell')).toEqual(['local', 'nightly build'])
    expect(await offered(made, 'history =li', 'powershell')).toEqual(['list'])
  })

  it('is nothing, without a word, when the history is damaged', async () => {
    using made = projectToComplete()
    made.write('.errand/history.db', 'this is no database, but text that is long enough to be looked at as one\n'.repeat(100))
    expect(await offered(made, 'show ')).toEqual([])
  })

  it('comes with a script for each shell, and the line that makes it permanent', async () => {
    using made = projectToComplete()
    for (const [shell, { script, setup }] of Object.entries(shells)) {
      expect((await made.errand('completion', shell)).stdout).toBe(script)
      expect(JSON.parse((await made.errand('completion', shell, '-o', 'json')).stdout)).toEqual({ shell, setup, script })
    }
    expect(await made.errand('completion', 'csh')).toMatchObject({ exitCode: 1 })
  })
})

/** How each shell is started without anything of the user's, and reads the script. */
const started: Readonly<Record<string, { readonly command: readonly string[]; readonly load: string }>> = {
  bash: { command: ['bash', '--noprofile', '--norc', '-i'], load: 'eval "$(errand completion bash)"' },
  zsh: { command: ['zsh', '-f', '-i'], load: 'autoload -Uz compinit; compinit -u -D; eval "$(errand completion zsh)"' },
  fish: { command: ['fish', '--no-config', '-i'], load: 'errand completion fish | source' },
}

describe.each(Object.entries(started))('%s', (shell, { command, load }) => {
  const isThere = spawnSync(shell, ['--version']).status === 0
  it.skipIf(!isThere && process.env['CI'] !== 'true')(
    `completes with the tabulator in a terminal (skipped without ${shell})`,
    async () => {
      using made = projectToComplete()
      const bin = join(made.parent, 'bin')
      mkdirSync(bin)
      writeFileSync(join(bin, 'errand'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
      chmodSync(join(bin, 'errand'), 0o755)
      const environment = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: made.parent, PS1: '$ ', TERM: 'dumb' }
      const typing = [
        // The shell is there when it answers; what is typed and what is answered differ, so that the echo is not taken for the answer.
        { after: '', typed: `${load}; echo rea""dy\n` },
        // Command, subcommand, and a run configuration with a blank in its name, which has to arrive as one word.
        { after: 'ready', typed: 'errand runconfiguration dele\t-n nigh\t\n' },
        { after: 'deleted', typed: 'errand submit -q -c loc\ttrai\t\n' },
        { after: 'hello', typed: 'exit\n' },
      ]
      const shown = await made.inTerminalOf(command, environment, typing)
      expect(shown.stdout).toContain('Run configuration nightly build deleted')
      expect(made.has('aml_config/nightly build.runconfig')).toBe(false)
    },
    60_000,
  )
})
