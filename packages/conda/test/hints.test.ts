import { describe, expect, it } from 'vitest'
import { hintFor, tellingLines } from '../src/hints.ts'

/** What the installers print, and the words that the hint must have. */
const known: readonly (readonly [string, string, RegExp])[] = [
  [
    'a dead package host',
    `ERROR: Could not install packages: HTTPSConnectionPool(host='azuremldownloads.azureedge.net', port=443)`,
    /azuremldownloads\.azureedge\.net is gone/,
  ],
  ['a dead package', 'ERROR: No matching distribution found for azure-ml-api-sdk==0.1.0a9', /azure-ml-api-sdk is on no public/],
  [
    'a Python that rattler lacks',
    'SolverError: Cannot solve the request because of: No candidates were found for python 3.5.2.*.',
    /Python 3\.5\.2 is not to be had/,
  ],
  [
    'a Python that micromamba lacks',
    'error    libmamba Could not solve for environment specs\n    └─ nothing provides requested python 3.5.2*',
    /Python 3\.5\.2 is not/,
  ],
  [
    'a Python that conda lacks',
    'PackagesNotFoundError: The following packages are not available from current channels:\n\n  - python=3.5.2\n',
    /Python 3\.5\.2 is not/,
  ],
  ['a Python that an old conda lacks', 'ResolvePackageNotFound: \n  - python=3.5.2', /Python 3\.5\.2 is not/],
  ['sklearn', "      The 'sklearn' PyPI package is deprecated, use 'scikit-learn'", /`scikit-learn`/],
  ['one = in pip', "ERROR: Invalid requirement: 'requests=2.20'", /`requests==2\.20`/],
  ['one = in uv', 'error: no such comparison operator "=", must be one of ~= == != <= >= < > ===', /two =/],
  [
    'a Windows path',
    "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: 'C:\\temp\\x.whl'",
    /Windows machine/,
  ],
  ['a module of Python itself', 'ERROR: No matching distribution found for pickle', /pickle is part of Python/],
  ['a certificate', 'SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]"))', /PIP_CERT/],
  ['a full disk', 'OSError: [Errno 28] No space left on device', /disk is full/],
  ['wrong credentials', 'ERROR: HTTP error 401 while getting x\nERROR: 401 Client Error: Unauthorized for url', /credentials/],
  ['no network', 'NewConnectionError: Temporary failure in name resolution', /network/],
  ['nobody who listens', 'tcp connect error: Connection refused (os error 111)', /network/],
  ['a network that swallows', 'client error (Connect): operation timed out', /network/],
  ['no compiler', "error: command 'gcc' failed: No such file or directory", /gcc/],
  ['an unknown pip package', 'ERROR: No matching distribution found for no-such-thing==9', /no-such-thing==9/],
  ['an unknown conda package', 'No candidates were found for no-such-thing *.', /No channel has no-such-thing/],
]

describe('the hint of a failure', () => {
  it.each(known)('knows %s', (_, output, hint) => {
    expect(hintFor(output)).toMatch(hint)
  })

  it('is not made up for an unknown cause', () => {
    expect(hintFor('Segmentation fault')).toBeUndefined()
  })
})

describe('the lines of a failure', () => {
  it('begin with the first error and leave notices out', () => {
    const tail = ['Collecting six', 'Downloading six', 'ERROR: it broke', '[notice] a new release of pip', 'because of that']
    expect(tellingLines(tail)).toEqual(['Collecting six', 'Downloading six', 'ERROR: it broke', 'because of that'])
    expect(tellingLines([...Array.from({ length: 50 }, (_, index) => `line ${index}`), ...tail], 4).at(-1)).toBe('because of that')
  })

  it('are the last ones where none is marked', () => {
    expect(tellingLines(['a', 'b', 'c'], 2)).toEqual(['b', 'c'])
  })

  it('are the first and the last of many', () => {
    const tail = ['ERROR: first', ...Array.from({ length: 30 }, (_, index) => `line ${index}`)]
    expect(tellingLines(tail, 8)).toEqual(['ERROR: first', 'line 0', 'line 1', '…', 'line 26', 'line 27', 'line 28', 'line 29'])
  })
})
