import { describe, expect, it } from 'vitest'
import { loadRequirements } from '../src/project/requirements.ts'
import { temporaryProject } from './project-folder.ts'

const pyproject = `[project]
name = "My_Project"
requires-python = ">= 3.10, <4"
dependencies = ["six>=1.16", "markupsafe[x] >=2,<4 ; sys_platform == 'linux'"]

[[tool.uv.index]]
url = "https://packages.example.org/simple"
`

const lock = `version = 1
requires-python = ">=3.10"

[[package]]
name = "markupsafe"
version = "3.0.4"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "my-project"
version = "0.1"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "markupsafe", extras = ["x"], marker = "sys_platform == 'linux'", specifier = ">=2,<4" },
    { name = "six", specifier = ">=1.16" },
]

[[package]]
name = "six"
version = "1.17.0"
source = { registry = "https://pypi.org/simple" }
`

async function load(files: Readonly<Record<string, string>>, skip: readonly string[] = [], path = 'pyproject.toml') {
  await using project = await temporaryProject(files)
  const { file, diagnostics } = await loadRequirements(project, path, new TextEncoder().encode(files[path]), skip)
  return { ...file, codes: diagnostics.map(({ code }) => code), diagnostics }
}

describe('a pyproject.toml', () => {
  it('without a lock gives its dependencies, indexes and Python', async () => {
    const { canonical, codes, localFiles } = await load({ 'pyproject.toml': pyproject })
    expect(canonical).toEqual({
      conda: ['python>=3.10,<4'],
      pip: ["markupsafe[x] >=2,<4 ; sys_platform == 'linux'", 'six>=1.16'],
      pipOptions: ['--extra-index-url', 'https://packages.example.org/simple'],
    })
    expect([codes, localFiles]).toEqual([['NO_UV_LOCK'], []])
  })

  it('with a uv.lock gives what is locked, and the lock as a file', async () => {
    const { canonical, codes, localFiles } = await load({ 'pyproject.toml': pyproject, 'uv.lock': lock })
    expect(canonical).toEqual({
      conda: ['python>=3.10,<4'],
      pip: ['markupsafe==3.0.4', 'six==1.17.0'],
      pipOptions: [],
      uvLock: { path: 'uv.lock', name: 'my-project', requires: '>=3.10,<4', without: [] },
    })
    expect([codes, localFiles.map(({ path }) => path)]).toEqual([[], ['uv.lock']])
  })

  it('leaves out what the skip list names', async () => {
    const { canonical } = await load({ 'pyproject.toml': pyproject, 'uv.lock': lock }, ['six'])
    expect(canonical).toMatchObject({ pip: ['markupsafe==3.0.4'], uvLock: { without: ['six'] } })
  })

  it('says that the lock was made for other dependencies', async () => {
    const { codes } = await load({ 'pyproject.toml': pyproject.replace('six>=1.16', 'six>=1.17'), 'uv.lock': lock })
    expect(codes).toEqual(['UV_LOCK_STALE'])
  })

  it.each([
    ['is not TOML', { 'pyproject.toml': '[project\nname = 1\n' }, /pyproject\.toml:1:\d+: not TOML/],
    ['has no project', { 'pyproject.toml': '[tool.poetry]\nname = "x"\n' }, /no \[project\] table[^]*poetry export/],
    [
      'has the lock of another project',
      { 'pyproject.toml': pyproject.replace('My_Project', 'other'), 'uv.lock': lock },
      /does not lock this project, other/,
    ],
    [
      'needs a folder beside it',
      {
        'pyproject.toml': pyproject,
        'uv.lock': `${lock}\n[[package]]\nname = "sister"\nversion = "1"\nsource = { directory = "../sister" }\n`,
      },
      /sister from a folder/,
    ],
    [
      'has a lock with a password in an address',
      {
        'pyproject.toml': pyproject,
        'uv.lock': `${lock}\n[[package]]\nname = "own"\nversion = "1"\nsource = { git = "https://me:word@example.org/own#0a" }\n`,
      },
      /uv\.lock:28:1: an address holds a password or token/,
    ],
  ] as const)('that %s is refused with a sentence', async (_, files, message) => {
    await expect(load(files)).rejects.toThrow(message)
  })
})

describe('a requirements.txt', () => {
  it('takes in the files that it names with -r, relative to itself, each once', async () => {
    const { canonical } = await load(
      {
        'requirements/dev.txt': '-r base.txt\n--requirement=more/extra.txt\npytest\n',
        'requirements/base.txt': 'six==1.16.0\n-r dev.txt\n',
        'requirements/more/extra.txt': '--pre\nattrs # why\n',
      },
      [],
      'requirements/dev.txt',
    )
    expect(canonical).toEqual({ pip: ['attrs', 'pytest', 'six==1.16.0'], pipOptions: ['--pre'] })
  })

  it('names the line of a file that is not there', async () => {
    await expect(load({ 'requirements.txt': 'six\n-r gone.txt\n' }, [], 'requirements.txt')).rejects.toThrow(
      /requirements\.txt:2:1: gone\.txt does not exist/,
    )
  })
})
