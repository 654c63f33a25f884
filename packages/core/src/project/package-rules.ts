import type { DiagnosticList, Position } from './diagnostic.ts'
import { condaPackageName, pipPackageName } from './pip-items.ts'

/** Modules of Python itself that real files list as packages. Only names that no useful package has. */
const standardLibrary = new Set(
  (
    'abc ast asyncio base64 bisect calendar cmath codecs collections copy csv ctypes datetime decimal email fractions functools gc getpass glob ' +
    'gzip hashlib heapq html http inspect io itertools json locale logging math multiprocessing operator os pickle platform pprint queue random re ' +
    'shutil signal socket sqlite3 ssl string struct subprocess sys tarfile tempfile textwrap threading time traceback types unittest urllib uuid ' +
    'warnings xml zipfile'
  ).split(' '),
)

/** Hosts that served the packages of the original and are gone. */
const deadHosts: readonly string[] = [
  'azuremldownloads.blob.core.windows.net',
  'azuremldownloads.azureedge.net',
  'azuremlbuild.blob.core.windows.net',
]

const deadPackages: ReadonlySet<string> = new Set(['azure-ml-api-sdk'])

const skipHint = 'delete the line, or name it under SkipPackages in the run configuration'

/** Whether a package is to be installed; says what it notices. URLs may hold credentials and are not printed. */
export function keepPackage(
  item: string,
  kind: 'conda' | 'pip',
  skip: ReadonlySet<string>,
  position: Position,
  diagnostics: DiagnosticList,
): boolean {
  const name = kind === 'conda' && !item.includes('://') ? condaPackageName(item) : pipPackageName(item)
  if (skip.has(name) || skip.has(item)) {
    diagnostics.note('PACKAGE_SKIPPED', `${name} is not installed: SkipPackages names it`, position)
    return false
  }
  if (standardLibrary.has(name) && !item.includes('/')) {
    diagnostics.warning('STANDARD_LIBRARY', `${name} is part of Python, not a package: it is not installed`, position, 'delete the line')
    return false
  }
  packageWarnings(item, name, kind, position, diagnostics)
  return true
}

function packageWarnings(item: string, name: string, kind: 'conda' | 'pip', position: Position, diagnostics: DiagnosticList): void {
  hostRule(item, position, diagnostics)
  if (deadPackages.has(name)) diagnostics.warning('DEAD_PACKAGE', `${name} is no longer to be had`, position, skipHint)
  if (name === 'sklearn') diagnostics.warning('PACKAGE_NAME', 'the package is called scikit-learn', position, 'write `scikit-learn`')
  if (kind === 'conda' && item.includes('://')) {
    diagnostics.warning('CONDA_URL', 'conda does not install from a URL of pip', position, 'move the line below `- pip:`')
  }
  if (kind === 'pip' && /^[\w.-]+(\[[\w,.-]*\])?\s*=\s*[\w.*+!]+$/.test(item)) {
    diagnostics.error('PIP_VERSION', `${name}: pip wants two = before a version`, position, `write \`${item.replace(/\s*=\s*/, '==')}\``)
  }
}

/** Names the host of a URL that no longer answers. */
export function hostRule(text: string, position: Position, diagnostics: DiagnosticList): void {
  const host = deadHosts.find((dead) => text.toLowerCase().includes(`//${dead}`) || text.toLowerCase().includes(`@${dead}`))
  if (host !== undefined) diagnostics.warning('DEAD_HOST', `the package host ${host} is gone`, position, skipHint)
}
