import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { arrangeWords, scriptCommands } from '../src/command-line.ts'
import { splitAtScript } from '../src/script-words.ts'
import { cliDirectory } from './project.ts'

const flags = {
  'run-configuration': { type: 'option', char: 'c', aliases: ['runconfig'] },
  target: { type: 'option', char: 't' },
  async: { type: 'boolean', char: 'a' },
  wait: { type: 'boolean' },
} as const

it.each([
  ['-c local s.py', '-c local', 's.py'],
  ['-c local s.py -c other --help', '-c local', 's.py -c other --help'],
  ['-c local -a s.py -- -a', '-c local -a', 's.py -- -a'],
  ['-c local -- s.py a', '-c local', 's.py a'],
  ['-clocal s.py 1', '-clocal', 's.py 1'],
  ['-ac local s.py 1', '-ac local', 's.py 1'],
  ['--run-configuration=local s.py', '--run-configuration=local', 's.py'],
  ['--runconfig local s.py', '--runconfig local', 's.py'],
  ['--wait --async -t x -c y s.py -1 -t', '--wait --async -t x -c y', 's.py -1 -t'],
  ['--unknown -c local s.py', '--unknown -c local', 's.py'],
  ['-c local', '-c local', ''],
  ['-c -- s.py', '-c', 's.py'],
  ['-c local - x', '-c local', '- x'],
  ['', '', ''],
])('splits "%s" at the script', (words, own, script) => {
  const list = (text: string): string[] => text.split(' ').filter((word) => word !== '')
  expect(splitAtScript(list(words), flags)).toEqual({ own: list(own), script: list(script) })
})

it('keeps arguments of the script that are empty or hold blanks', () => {
  expect(splitAtScript(['-c', 'local', 's.py', '', ' a b ', '\n'], flags).script).toEqual(['s.py', '', ' a b ', '\n'])
})

it.each([
  ['submit -c x s.py --help', 'submit -c x -- s.py --help'],
  ['execute start -c docker train.py', 'execute start -c docker -- train.py'],
  ['experiment:submit -c x s.py', 'experiment:submit -c x -- s.py'],
  ['-p dir --debug submit -c x s.py -p other', 'submit -p dir --debug -c x -- s.py -p other'],
  ['-o json history list', 'history list -o json'],
  ['--query=a -p b history list -s c', 'history list -s c --query=a -p b'],
  ['help submit', 'submit --help'],
  ['-o json sweep -c x s.py a', 'sweep -o json -c x -- s.py a'],
  ['sweep -c x s.py -a 1 --each a=1 -o b -h', 'sweep -c x --each a=1 -- s.py -a 1 -o b -h'],
  ['sweep --resume last', 'sweep --resume last'],
  ['rerun --run-configuration x last 7', 'rerun --run-configuration x last -- 7'],
  ['rerun --run last 7', 'rerun --run last -- 7'],
  ['ml experiment submit -c x s.py ml', 'experiment submit -c x -- s.py ml'],
  ['-o json ml history list', 'history list -o json'],
  ['help', '--help'],
  ['--help -o json', 'commands -o json'],
  ['-o json help history list', 'commands -o json history list'],
  ['submit -c local --help --output=tsv', 'commands -o tsv submit local'],
  ['submit -c local s.py --help -o json', 'submit -c local -- s.py --help -o json'],
  ['--help', '--help'],
  ['history list -o json', 'history list -o json'],
])('arranges "%s"', async (words, arranged) => {
  expect((await arrangeWords(words.split(' '))).join(' ')).toBe(arranged)
})

it('knows every spelling of the command that takes a script', () => {
  const manifest = JSON.parse(readFileSync(join(cliDirectory, 'dist/oclif.manifest.json'), 'utf8'))
  const { id, aliases, hiddenAliases } = manifest.commands['experiment:submit']
  const spellings: string[] = [id, ...aliases, ...hiddenAliases]
  expect(scriptCommands.toSorted()).toEqual(spellings.map((spelling) => spelling.replace(':', ' ')).toSorted())
})
