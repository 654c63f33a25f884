import { execFileSync } from 'node:child_process'
import type { EnvironmentLock, SparkDependencies } from '@errand/core'
import { describe, expect, it } from 'vitest'
import { chooseProvider } from '../src/choose-provider.ts'
import { contentOf } from '../src/content.ts'
import { type PlaceFacts, bareImage, credentialsText, differInPipAlone, dockerfileLines } from '../src/index.ts'
import { stepLine, toolLine } from '../src/shell.ts'
import { condaFile } from './conda-place.ts'

const program = (name: string, version: string) => ({ path: `/bin/${name}`, version })
const facts = (programs: PlaceFacts['programs'], ...pythons: readonly string[]): PlaceFacts => ({
  platform: 'linux-64',
  hostname: 'place',
  python: program('python3', pythons[0] ?? '3.5.3'),
  programs,
  pythons: pythons.map((version) => program(`python${version}`, version)),
})
const file = (conda: readonly string[], pip: readonly string[] = []) => condaFile({ channels: ['conda-forge'], conda, pip, pipOptions: [] })
const mixed = file(['python=3.6', 'numpy'])
const onlyPython = file(['python=3.11', 'pip'], ['six'])
const everything = {
  micromamba: program('micromamba', '2.0'),
  mamba: program('mamba', '1.5'),
  conda: program('conda', '24.1'),
  uv: program('uv', '0.13'),
}

const chosen = (environment: typeof mixed, place: PlaceFacts, lock?: EnvironmentLock) => {
  const { name, version } = chooseProvider({
    home: '/home',
    facts: place,
    content: contentOf(environment),
    ...(lock === undefined ? {} : { lock }),
  })
  return `${name} ${version}`
}

describe('the provider', () => {
  it.each([
    ['micromamba before mamba and conda', mixed, facts(everything, '3.12.1'), 'micromamba 2.0'],
    ['mamba before conda', mixed, facts({ mamba: everything.mamba, conda: everything.conda }, '3.12.1'), 'mamba 1.5'],
    ['conda before one of our own', mixed, facts({ conda: everything.conda }, '3.12.1'), 'conda 24.1'],
    ['rattler where there is none and a Python 3.10', mixed, facts({}, '3.10.2', '3.6.1'), 'rattler 0.28.0'],
    ['a micromamba from elsewhere as the last resort', mixed, facts({}, '3.9.2'), 'micromamba 2.8.1'],
    ['uv when only a Python is asked for that the place has', onlyPython, facts(everything, '3.12.1', '3.11.7'), 'uv 0.13'],
    ['uv of PyPI when the place has none', onlyPython, facts({}, '3.11.7'), 'uv 0.13.9'],
    ['no uv when that Python is not there', onlyPython, facts(everything, '3.12.1'), 'micromamba 2.0'],
    ['no uv for a Python that uv does not know', file(['python=3.6']), facts(everything, '3.6.15'), 'micromamba 2.0'],
  ])('is %s', (_, environment, place, expected) => {
    expect(chosen(environment, place)).toBe(expected)
  })

  it('of an environment that is used elsewhere is one of conda, whatever Python the place has', () => {
    const choice = { home: '/home', facts: facts(everything, '3.11.7'), content: contentOf(onlyPython) }
    expect([chooseProvider(choice).name, chooseProvider({ ...choice, relocatable: true }).name]).toEqual(['uv', 'micromamba'])
  })

  it('of a lock with conda packages is one of conda, however little the file asks for', () => {
    const lock = { provider: 'rattler 0.28.0', packages: [{ name: 'python', version: '3.11.7', build: 'h0_0' }] }
    expect(chosen(onlyPython, facts(everything, '3.11.7'), lock)).toBe('micromamba 2.0')
    expect(chosen(onlyPython, facts(everything, '3.11.7'), { provider: 'uv', packages: [{ name: 'python', version: '3.11.7' }] })).toBe(
      'uv 0.13',
    )
  })

  it('that can do it nowhere is an error that names the Pythons which are there', () => {
    const place = { ...facts({}, '3.7.1'), platform: 'linux-s390x' }
    expect(() => chosen(mixed, place)).toThrow(
      expect.objectContaining({ code: 'PROVIDER_NOT_AVAILABLE', message: expect.stringContaining('3.7.1') as string }),
    )
  })

  it('on request is uv for any file, with the conda part in the words of pip', () => {
    const { lines, files } = dockerfileLines({
      environment: file(['python=3.12', 'numpy=1.26']),
      facts: facts(everything, '3.12.1'),
      base: 'b',
      provider: 'uv',
    })
    expect(lines.join('\n')).toContain('venv --no-project --no-config --python /bin/python3.12.1')
    expect(files['errand/pip/requirements-uv.txt']).toBe('numpy==1.26.*\n')
  })
})

describe('the lines of a Dockerfile', () => {
  const spark: SparkDependencies = { configuration: {}, repositories: [], packages: [{ group: 'g', artifact: 'a', version: '1' }] }

  /** Each with its first words, and without the variables that all commands get. */
  const beginnings = (lines: readonly string[]) =>
    lines.map((line) =>
      line
        .replace(/^RUN export .*? && /, 'RUN ')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    )

  it('make tools, conda part and pip section in layers of their own, for the classic builder', () => {
    const { lines, files, titles, credentials, changeLines } = dockerfileLines({
      environment: file(['python=3.6', 'numpy'], ['six']),
      facts: facts({}, '3.11.7'),
      base: 'b',
    })
    expect(beginnings(lines)).toEqual([
      'RUN {',
      'COPY errand/conda/',
      'RUN /opt/errand/tools/py-rattler-0.28.0-python3.11/bin/python',
      'COPY errand/pip/',
      'RUN eval',
      'ENV PATH=/opt/errand/environment/bin:$PATH',
    ])
    expect([...titles.values()]).toEqual([
      'bringing py-rattler 0.28.0, bringing uv 0.13.9',
      'installing the conda part with rattler 0.28.0',
      'installing the pip section with uv 0.13.9',
    ])
    expect(lines.join('\n')).not.toMatch(/<<|--mount|[^\\]\n[^A-Z]/)
    expect(lines[4]).toMatch(/uv pip install .*; else .* -m pip install .*; fi && .* compileall/)
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(['errand/conda/rattler.json', 'errand/pip/requirements.txt', 'errand/pip/image_list.py']),
    )
    expect(credentials).toEqual({})
    expect(changeLines).toBeUndefined()
  })

  it('make the tool and an environment of pip packages in one layer, and can change the packages of another', () => {
    const { lines, changeLines } = dockerfileLines({ environment: onlyPython, facts: facts({}, '3.11.7'), base: 'b' })
    expect(beginnings(lines)).toEqual(['RUN {', 'COPY errand/pip/', 'RUN eval', 'ENV PATH=/opt/errand/environment/bin:$PATH'])
    expect(lines[0]).toMatch(/--target .* && .*\/opt\/errand\/tools\/uv-0.13.9-python3.11\/bin\/uv venv /)
    expect(beginnings(changeLines ?? [])).toEqual(['COPY errand/pip/', 'RUN eval'])
    expect(changeLines?.[1]).toMatch(/--exact --upgrade/)
  })

  it.each([
    ['an address', ['https://example.org/six-1.0-py3-none-any.whl']],
    ['a repository', ['six @ git+https://example.org/six']],
    ['a folder', ['./six']],
    ['a version with its hash', ['six==1.16.0 --hash=sha256:00']],
  ])('never change an environment where something else may stand behind %s by now', (_, pip) => {
    const { changeLines } = dockerfileLines({ environment: file(['python=3.11', 'pip'], pip), facts: facts({}, '3.11.7'), base: 'b' })
    expect(changeLines).toBeUndefined()
  })

  it('change an environment into another whose pip section alone differs', () => {
    const inputs = (conda: readonly string[], pip: readonly string[]) =>
      dockerfileLines({ environment: file(conda, pip), facts: facts({}, '3.11.7'), base: 'b' }).inputs
    const one = inputs(['python=3.11', 'pip'], ['six'])
    expect(differInPipAlone(one, inputs(['python=3.11', 'pip'], ['attrs', 'six==1.0']))).toBe(true)
    expect(differInPipAlone(one, inputs(['python', 'pip'], ['attrs']))).toBe(false)
    expect(differInPipAlone(inputs(['python=3.11', 'pip'], ['six @ https://example.org/six.whl']), one)).toBe(false)
  })

  it('of the conda part stay the same when a line of the pip section is edited, while the key changes', () => {
    const before = dockerfileLines({ environment: file(['python=3.6'], ['six']), facts: facts({}, '3.11.7'), base: 'b', spark })
    const after = dockerfileLines({ environment: file(['python=3.6'], ['six', 'attrs']), facts: facts({}, '3.11.7'), base: 'b', spark })
    expect(after.lines).toEqual(before.lines)
    expect(after.files['errand/conda/rattler.json']).toBe(before.files['errand/conda/rattler.json'])
    expect(after.key).not.toBe(before.key)
  })

  it('copy a checked micromamba into an image that has nothing', () => {
    const { lines, micromamba } = dockerfileLines({ environment: mixed, facts: bareImage('linux-64'), base: 'b' })
    expect(lines[0]).toBe('COPY errand/micromamba /opt/errand/tools/micromamba-2.8.1/bin/micromamba')
    expect(micromamba?.pin.digest).toMatch(/^sha256:/)
  })

  it('name the files of the project that the context needs, by digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const wheel = { kind: 'file' as const, path: 'wheels/x-1.0-py3-none-any.whl', size: 1, executable: false, digest }
    const environment = { ...file(['python=3.6'], ['./wheels/x-1.0-py3-none-any.whl']), localFiles: [wheel] } as typeof mixed
    const { objects, files } = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
    expect(objects).toEqual([{ path: `errand/files/${'a'.repeat(64)}/x-1.0-py3-none-any.whl`, digest }])
    expect(files['errand/pip/requirements.txt']).toBe(`/opt/errand/build/files/${'a'.repeat(64)}/x-1.0-py3-none-any.whl\n`)
  })

  it.each([
    ['https://u:p@example.org/', { ERRAND_CREDENTIAL_1: 'u:p' }],
    ['https://token@example.org/', { ERRAND_CREDENTIAL_1: 'token' }],
    ['https://example.org/t/token/main', { ERRAND_TOKEN_1: 'token' }],
    ['https://u:p@ss@example.org/', { ERRAND_CREDENTIAL_1: 'u:p@ss' }],
    ['https://${USER}:p@example.org/', { ERRAND_CREDENTIAL_1: 'p' }],
    ['https://example.org/simple?token=c4nary', { ERRAND_QUERY_1: 'token=c4nary' }],
    ['https://example.org/simple?a=b&sig=c4nary', { ERRAND_QUERY_1: 'a=b&sig=c4nary' }],
    ['https://example.org/simple?job=b&key=c4nary', { ERRAND_QUERY_1: 'key=c4nary' }],
    [`https://u:c4'na"ry<@example.org/`, { ERRAND_CREDENTIAL_1: `u:c4'na"ry<` }],
    ['https://example.org/simple?a=b&sig=${SIGNATURE}', {}],
    ['https://u:${TOKEN}@example.org/', {}],
    ['https://${USER}:${TOKEN}@example.org/', {}],
    ['https://example.org/a.git@v1.0', {}],
    ['git+ssh://git@example.org/a.git', {}],
    ['https://example.org/', {}],
  ])('have a name in place of what %s holds, and a secret of the build with it', (address, credentials) => {
    const environment = condaFile({ channels: [], conda: ['python=3.6'], pip: ['six'], pipOptions: ['--index-url', address] })
    const made = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
    expect(made.credentials).toEqual(credentials)
    const [name] = Object.keys(credentials)
    const written = JSON.stringify([made.lines, made.changeLines, made.files, made.inputs])
    expect(written.includes('--mount=type=secret')).toBe(name !== undefined)
    if (name === undefined) return
    expect(written).toContain(`\${${name}}`)
    for (const value of Object.values(credentials)) expect(written).not.toMatch(new RegExp(`[/:]${value}[/@]`))
    expect(written).not.toMatch(/ss@|c4|ry</)
  })

  it('give pip its proxy as a variable, with a name in place of the password', () => {
    const pipOptions = ['--proxy', 'http://u:p@proxy:3128']
    const environment = condaFile({ channels: [], conda: ['python=3.11'], pip: ['six'], pipOptions })
    const { lines, files } = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
    expect(lines.join('\n')).toMatch(/PIP_PROXY='http:\/\/'"\$ERRAND_CREDENTIAL_1"'@proxy:3128' \S+python \S+\/quiet_pip.py install/)
    expect(JSON.stringify([lines, files])).not.toContain('--proxy ')
  })

  it('ask again for an address that the lock has without its credentials', () => {
    const addresses = ['six @ https://u:p@example.org/six.whl', 'https://example.org/toml.whl?sig=c4nary#egg=toml']
    const environment = condaFile(
      { channels: [], conda: ['python=3.11'], pip: addresses, pipOptions: [] },
      {
        provider: 'uv 0.13.9',
        packages: [
          { name: 'six', version: '1', url: 'https://example.org/six.whl', hash: 'sha256:0f' },
          { name: 'toml', version: '1', url: 'https://example.org/toml.whl' },
          { name: 'other', version: '1', url: 'https://example.org/other.whl' },
        ],
      },
    )
    const { files } = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
    expect(files['errand/pip/requirements.txt']?.split('\n')).toEqual([
      'six @ https://${ERRAND_CREDENTIAL_1}@example.org/six.whl#sha256=0f',
      'toml @ https://example.org/toml.whl?${ERRAND_QUERY_2}',
      'other @ https://example.org/other.whl',
      '',
    ])
  })

  it('take pip from elsewhere when the one index of the list has none, as the configuration of pip in the image says', () => {
    const lines = (pipOptions: readonly string[]) => {
      const environment = condaFile({ channels: [], conda: ['python=3.11', 'pip'], pip: ['six'], pipOptions: [...pipOptions] })
      const { lines: made, files } = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
      return { text: made.join('\n'), itself: files['errand/pip/pip-itself.txt'], list: files['errand/pip/requirements-uv.txt'] }
    }
    const apart = lines(['--index-url', 'https://example.org/simple'])
    expect(apart.text).toMatch(
      /-r \S+\/pip-itself.txt; } \|\| \(eval "\$\(\S+python \S+uv_variables.py \/dev\/null\)" && [^)]* pip; }\); }/,
    )
    expect(apart.itself).toBe('--index-url https://example.org/simple\npip\n')
    expect(apart.list).toBe('--index-url https://example.org/simple\nsix\n')
    const together = lines(['--extra-index-url', 'https://example.org/simple'])
    expect([together.itself, together.list]).toEqual([undefined, '--extra-index-url https://example.org/simple\nsix\npip\n'])
  })

  it('bring pip into an environment of uv for an option that uv lacks', () => {
    const environment = condaFile({ channels: [], conda: ['python=3.11'], pip: ['six'], pipOptions: ['--no-color'] })
    const { lines } = dockerfileLines({ environment, facts: facts({}, '3.11.7'), base: 'b' })
    expect(lines.join('\n')).toMatch(/uv pip install --python \S+ pip; } && .*python -m pip install/)
  })

  it('have what holds credentials in files of the secret alone', () => {
    const environment = condaFile({ channels: ['https://u:p@example.org/main'], conda: ['python=3.6'], pip: [], pipOptions: [] })
    const programs = { micromamba: { path: '/opt/micromamba', version: '2.8.1' } }
    const made = dockerfileLines({ environment, facts: facts(programs, '3.11.7'), base: 'b', provider: 'micromamba' })
    const line = made.lines.find((text) => text.includes('/opt/micromamba')) ?? ''
    expect(line).toContain(
      '/opt/micromamba create --yes --prefix /opt/errand/environment --file /opt/errand/build/conda/environment.yml &&',
    )
    expect(JSON.parse(made.filled['/opt/errand/build/conda/environment.yml'] ?? '')).toEqual({
      channels: ['https://u:p@example.org/main', 'nodefaults'],
      dependencies: ['python=3.6.*'],
    })
    expect(line).toMatch(/ && rm -rf [^&]* \/opt\/errand\/build\/conda\/environment.yml && /)
    expect(JSON.stringify([made.lines, made.files])).not.toContain('u:p')
    expect(credentialsText(made)).toContain(`ERRAND_CREDENTIAL_1='u:p'`.replaceAll(`'`, ''))
    expect(credentialsText(made)).not.toContain('export')
  })
})

describe('a line of sh', () => {
  it('quotes what sh would take apart', () => {
    expect(stepLine({ title: 't', command: ['echo', `it's $HOME`, 'a b', '>=1,<2'] }, {}, 'python')).toBe(
      `echo 'it'\\''s $HOME' 'a b' '>=1,<2'`,
    )
  })

  it('tries another step when one fails, whose variables no later step has', () => {
    const other = { title: 'other', command: ['sh', '-c', 'printf %s "$WHERE"'] }
    const line = stepLine({ title: 't', command: ['false'], orElse: other }, {}, 'python', () => ['export WHERE=elsewhere'])
    const all = `${line} && printf ' %s' "$WHERE"`
    expect(execFileSync('sh', ['-ec', all], { env: { PATH: process.env['PATH'], WHERE: 'here' }, encoding: 'utf8' })).toBe('elsewhere here')
  })

  it('tries the next way of making a tool when one fails', () => {
    const attempt = (name: string) => [{ title: name, command: [name] }]
    expect(toolLine({ folder: '/t', attempts: [attempt('one'), attempt('two')] })).toBe(
      '{ rm -rf /t && one && touch /t/complete; } || { rm -rf /t && two && touch /t/complete; }',
    )
  })
})
