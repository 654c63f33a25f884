import { describe, expect, it } from 'vitest'
import { contentOf } from '../src/content.ts'
import { optionLines, pipArguments, requirementsText, uvArguments, uvKnows } from '../src/pip-options.ts'
import { pythonFits } from '../src/python-version.ts'
import { requirementOf } from '../src/spec-requirement.ts'

describe('a spec of Python', () => {
  it.each([
    ['python', '3.12.1', true],
    ['python=3.6', '3.6.15', true],
    ['python=3.6', '3.7.0', false],
    ['python=3.1', '3.11.7', false],
    ['python==3.6', '3.6.15', false],
    ['python==3.6.15', '3.6.15', true],
    ['python 3.6.*', '3.6.15', true],
    ['python 3.6.15', '3.6.15', true],
    ['python=3.6.*', '3.6.1', true],
    ['python >=3.6,<3.8', '3.7.16', true],
    ['python >=3.6,<3.8', '3.8.0', false],
    ['python>3.9', '3.10.1', true],
    ['python!=3.9.*', '3.9.2', false],
    ['python~=3.9', '3.11.0', true],
    ['python~=3.9.1', '3.10.0', false],
    ['python=3.6=h0_0', '3.6.15', false],
    ['python=3.6|3.7', '3.6.15', false],
  ])('%s and version %s: %s', (spec, version, fits) => {
    expect(pythonFits(spec, version)).toBe(fits)
  })
})

describe('a conda spec in the words of pip', () => {
  it.each([
    ['numpy', 'numpy'],
    ['numpy=1.18', 'numpy==1.18.*'],
    ['numpy==1.18.1', 'numpy==1.18.1'],
    ['numpy >=1.18,<2', 'numpy>=1.18,<2'],
    ['conda-forge::numpy=1.18', 'numpy==1.18.*'],
    ['numpy=1.18=py36_0', 'numpy==1.18.*'],
    ['numpy 1.18.*', 'numpy==1.18.*'],
  ])('%s is %s', (spec, requirement) => {
    expect(requirementOf(spec)).toBe(requirement)
  })
})

const contentWith = (pipOptions: readonly string[], pip: readonly string[] = ['six'], conda: readonly string[] = []) =>
  contentOf({ kind: 'conda', file: 'c.yml', text: '', localFiles: [], canonical: { channels: ['defaults'], conda, pip, pipOptions } })

describe('the pip section', () => {
  it('has its options first and keeps addresses out of the command line', () => {
    const content = contentWith(['--index-url', 'https://u:p@example.org/simple', '--no-cache-dir', '--no-deps'], ['./wheels/x.whl', 'six'])
    const text = requirementsText(content, 'pip', (item) => item.replace('./wheels', '/place'))
    expect(text).toBe('--index-url https://u:p@example.org/simple\n/place/x.whl\nsix\n')
    expect(pipArguments(content.pipOptions)).toEqual(['--no-cache-dir', '--no-deps'])
    expect(uvArguments(content.pipOptions)).toEqual(['--no-cache', '--no-deps'])
  })

  it('takes the best version of all indexes with uv too, as pip does', () => {
    expect(uvArguments(contentWith(['--extra-index-url', 'https://example.org/simple']).pipOptions)).toEqual([
      '--index-strategy',
      'unsafe-best-match',
    ])
  })

  it('says pre-releases and trusted hosts in the words of uv', () => {
    const { pipOptions } = contentWith(['--pre', '--trusted-host', 'example.org', '--prefer-binary'])
    expect(uvKnows(pipOptions)).toBe(true)
    expect(uvArguments(pipOptions)).toEqual(['--prerelease', 'allow', '--allow-insecure-host', 'example.org'])
    expect(optionLines(pipOptions, 'uv', (path) => path)).toEqual([])
  })

  it.each(['--process-dependency-links', '--timeout', '--user'])('is left to pip when it has %s, which uv lacks', (option) => {
    expect(uvKnows(contentWith([option, ...(option === '--timeout' ? ['60'] : [])]).pipOptions)).toBe(false)
  })
})

describe('the content of a file', () => {
  it('gets a Python where it names none, and pip for a pip section, as conda does', () => {
    expect(contentWith([], ['six'], ['python-dateutil']).conda).toEqual(['python-dateutil', 'python=3.12', 'pip'])
    expect(contentWith([], [], ['python=3.5.2']).conda).toEqual(['python=3.5.2'])
    expect(contentWith([], ['six'], ['python', 'pip=9.0']).conda).toEqual(['python', 'pip=9.0'])
  })

  it('of an unknown form is an error that names the file', () => {
    expect(() => contentOf({ kind: 'conda', file: 'c.yml', text: '', localFiles: [], canonical: ['x'] })).toThrow(/c\.yml/)
  })

  it('of a user-managed environment is nothing to make', () => {
    expect(() => contentOf({ kind: 'user-managed' })).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_USER_MANAGED' }))
  })
})
