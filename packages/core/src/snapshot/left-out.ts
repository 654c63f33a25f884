interface LeftOut {
  readonly where: 'anywhere' | 'root'
  readonly because: string
}

const versionControl: LeftOut = { where: 'anywhere', because: 'version control' }
const ownState: LeftOut = { where: 'anywhere', because: 'run data of errand' }
const originalState: LeftOut = { where: 'root', because: 'left over from Azure ML Workbench' }
const installed: LeftOut = { where: 'anywhere', because: 'installed packages' }
const cache: LeftOut = { where: 'anywhere', because: 'a cache' }
const desktop: LeftOut = { where: 'anywhere', because: 'a file of the desktop' }

/** What is never copied, whatever an ignore file says: names at any depth, or directly in the project folder. */
const leftOutNames: ReadonlyMap<string, LeftOut> = new Map([
  ['.git', versionControl],
  ['.hg', versionControl],
  ['.svn', versionControl],
  ['.errand', ownState],
  ['outputs', { where: 'root', because: 'results come back under the run' }],
  ['diagnostics.zip', { where: 'root', because: 'written by errand diagnostics' }],
  ['azureml-logs', originalState],
  ['azureml-setup', originalState],
  ['.azuremlhistory_git', { ...originalState, where: 'anywhere' }],
  ['node_modules', installed],
  ['__pycache__', cache],
  ['.ipynb_checkpoints', cache],
  ['.pytest_cache', cache],
  ['.mypy_cache', cache],
  ['.ruff_cache', cache],
  ['.tox', cache],
  ['.nox', cache],
  ['.DS_Store', desktop],
  ['Thumbs.db', desktop],
  ['desktop.ini', desktop],
])

/** `artifacts/<run>` is where `history download` puts the files of a run; what else is in that folder is the user's. */
const downloadedRun = /^[A-Za-z0-9][\w-]*_\d{13,}$/

/** Why an entry of this name is never copied, or undefined when nothing is against it. `parent` is `''` in the project folder. */
export function leftOutName(name: string, parent: string): string | undefined {
  if (parent === 'artifacts' && downloadedRun.test(name)) return 'files of a run, written by errand download'
  const row = leftOutNames.get(name)
  if (row === undefined || (row.where === 'root' && parent !== '')) return undefined
  return row.because
}

/** A folder with one of these in it is an environment of installed packages: `python -m venv` writes the first, conda the second. */
const environmentMarks = ['pyvenv.cfg', 'conda-meta'] as const

/** What a folder with these names in it is, when it is an environment. */
export function environmentWith(names: readonly string[]): string | undefined {
  if (names.includes(environmentMarks[0])) return 'a virtual environment'
  return names.includes(environmentMarks[1]) ? 'a conda environment' : undefined
}

/** Stands in an export that other programs read, which has no file that only errand writes. */
export const exportMark = '.errand-export'

/** Why a folder with these names in it is never copied. */
export function leftOutFolder(names: readonly string[]): string | undefined {
  const isExport = names.includes(exportMark) || (names.includes('history.jsonl') && (names.includes('objects') || names.includes('runs')))
  return environmentWith(names) ?? (isExport ? 'written by errand history export' : undefined)
}
