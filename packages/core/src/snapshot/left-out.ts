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

/** Why an entry of this name is never copied, or undefined when nothing is against it. `parent` is `''` in the project folder. */
export function leftOutName(name: string, parent: string): string | undefined {
  const row = leftOutNames.get(name)
  if (row === undefined || (row.where === 'root' && parent !== '')) return undefined
  return row.because
}

/** A folder with one of these in it is an environment of installed packages: `python -m venv` writes the first, conda the second. */
const environmentMarks = ['pyvenv.cfg', 'conda-meta'] as const

/** Why a folder with these names in it is never copied. */
export function leftOutFolder(names: Iterable<string>): string | undefined {
  for (const name of names) {
    if (name === environmentMarks[0]) return 'a virtual environment'
    if (name === environmentMarks[1]) return 'a conda environment'
  }
  return undefined
}
