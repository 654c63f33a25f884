import { holdsCredentials } from './credentials.ts'
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

/** Not on PyPI when it was looked up (2026-11); an index of one's own may still have it. */
const deadPackages: ReadonlySet<string> = new Set(['azure-ml-api-sdk'])

const skipHint = 'delete the line, or name it under SkipPackages in the run configuration'

/** Whether the whole item is left out, by the number of its line or by its text. */
export function isLeftOut(text: string, skip: ReadonlySet<string>, position: Position, diagnostics: DiagnosticList): boolean {
  if (!skip.has(String(position.line)) && !skip.has(text)) return false
  diagnostics.note('PACKAGE_SKIPPED', 'this line is left out, as you asked', position)
  return true
}

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
  formErrors(item, kind, position, diagnostics)
  packageWarnings(item, name, kind, position, diagnostics)
  return true
}

/** Lines that no installer can read. Addresses, paths and names of files are not looked at. */
function formErrors(item: string, kind: 'conda' | 'pip', position: Position, diagnostics: DiagnosticList): void {
  const requirement = (item.split(/;|\s#|\s--/)[0] ?? '').trim()
  if (/[/\\@]|\.(whl|zip|gz)$/.test(requirement)) return
  const [, first, second] = /^([A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?)\s+([A-Za-z0-9]\S*)/.exec(requirement) ?? []
  if (/^\d+(\.\d+)*$/.test(requirement))
    diagnostics.error('PACKAGE_FORM', `${requirement} is a number, not a package`, position, 'write the name before it, or delete the line')
  else if (/([<>=!~]=|[<>])$/.test(requirement))
    diagnostics.error('PACKAGE_FORM', `${requirement} has no version`, position, 'write one behind it, or the name alone')
  else if (kind === 'pip' && first !== undefined && second !== undefined)
    diagnostics.error(
      'PACKAGE_FORM',
      `${requirement} is not one package of pip`,
      position,
      /^\d/.test(second) ? `write \`${first}==${second}\`` : 'write each package on a line of its own',
    )
}

function packageWarnings(item: string, name: string, kind: 'conda' | 'pip', position: Position, diagnostics: DiagnosticList): void {
  addressRules(item, position, diagnostics)
  if (deadPackages.has(name)) diagnostics.warning('DEAD_PACKAGE', `${name} is on no public package index any more`, position, skipHint)
  if (name === 'sklearn') diagnostics.warning('PACKAGE_NAME', 'the package is called scikit-learn', position, 'write `scikit-learn`')
  if (kind === 'conda' && item.includes('://')) {
    diagnostics.warning('CONDA_URL', 'conda does not install from a URL of pip', position, 'move the line below `- pip:`')
  }
  if (kind === 'pip' && /^[\w.-]+(\[[\w,.-]*\])?\s*=\s*[\w.*+!]+$/.test(item)) {
    diagnostics.error('PIP_VERSION', `${name}: pip wants two = before a version`, position, `write \`${item.replace(/\s*=\s*/, '==')}\``)
  }
}

/** What is noticed about an address: a host that no longer answers, credentials that everybody can read who has the file. */
export function addressRules(text: string, position: Position, diagnostics: DiagnosticList): void {
  // A line that is to be deleted needs no second reason.
  if (isDead(text, position, diagnostics) || !holdsCredentials(text)) return
  diagnostics.warning(
    'CREDENTIALS_IN_FILE',
    'an address holds a password or token, which is copied with the project',
    position,
    'keep it with `errand secret set NAME`, and write `${NAME}` in its place',
  )
}

function isDead(text: string, position: Position, diagnostics: DiagnosticList): boolean {
  const host = deadHosts.find((dead) => text.toLowerCase().includes(`//${dead}`) || text.toLowerCase().includes(`@${dead}`))
  if (host !== undefined) diagnostics.warning('DEAD_HOST', `the package host ${host} is gone`, position, skipHint)
  return host !== undefined
}
