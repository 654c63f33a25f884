import { describe, expect, it } from 'vitest'
import { condaProvider } from '../src/providers.ts'

const wanted = {
  prefix: '/p',
  folder: '/f',
  platform: 'linux-64',
  channels: ['https://me:c4nary@example.org/main', 'conda-forge', 'https://example.org/t/c4nary/team'],
  specs: ['python=3.6', 'numpy =1.18', 'scipy>=1.0,<2', 'six=1.16.0=py_0', 'conda-forge::attrs==21.1', 'flask'],
}
const made = (name: 'micromamba' | 'mamba' | 'conda', version: string, more: object = {}) =>
  condaProvider(name, { path: `/bin/${name}`, version }).create({ ...wanted, ...more })

describe('conda', () => {
  it.each([
    ['conda', '4.9.2'],
    ['mamba', '1.5.8'],
  ] as const)('(%s) knows channels with credentials by names of a file', (name, version) => {
    const { files, steps } = made(name, version)
    expect(steps).toHaveLength(1)
    const words = `create --yes --prefix /p --override-channels --channel errand-1 --channel conda-forge --channel errand-2 --file /f/specs.txt`
    expect(steps[0]).toMatchObject({ command: [`/bin/${name}`, ...words.split(' ')], environment: { CONDARC: '/f/condarc' } })
    expect(JSON.parse(files['condarc'] ?? '')).toEqual({
      custom_multichannels: { 'errand-1': [wanted.channels[0]], 'errand-2': [wanted.channels[2]] },
    })
    expect(JSON.stringify(steps)).not.toContain('c4nary')
  })

  it.each([
    ['micromamba', '1.5.8'],
    ['mamba', '2.0.5'],
  ] as const)('(%s) reads channels with credentials of a file', (name, version) => {
    const { files, steps } = made(name, version)
    expect(steps[0]?.command).toEqual([`/bin/${name}`, 'create', '--yes', '--prefix', '/p', '--file', '/f/environment.yml'])
    expect(JSON.parse(files['environment.yml'] ?? '')).toMatchObject({ channels: [...wanted.channels, 'nodefaults'] })
  })

  it('is told each spec as a command line would mean it', () => {
    const { files, steps } = made('conda', '24.1', { channels: ['conda-forge'] })
    expect(files['specs.txt']?.trim().split('\n')).toEqual([
      'python=3.6.*',
      'numpy=1.18.*',
      'scipy>=1.0,<2',
      'six=1.16.0=py_0',
      'conda-forge::attrs==21.1',
      'flask',
    ])
    expect(steps[0]).not.toHaveProperty('environment')
  })

  it('fetches the packages of a lock, which knows no credentials, with those of the channels', () => {
    const lock = {
      provider: 'conda 24.1',
      packages: [
        { name: 'a', version: '1', build: '0', url: 'https://example.org/main/noarch/a-1-0.conda', hash: 'md5:00' },
        { name: 'b', version: '1', build: '0', url: 'https://example.org/other/noarch/b-1-0.conda' },
      ],
    }
    expect(made('conda', '24.1', { lock }).files['explicit.txt']).toBe(
      '@EXPLICIT\nhttps://me:c4nary@example.org/main/noarch/a-1-0.conda#00\nhttps://example.org/other/noarch/b-1-0.conda\n',
    )
  })
})
