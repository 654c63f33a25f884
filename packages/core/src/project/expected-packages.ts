import { loadCondaDependencies } from './conda-dependencies.ts'
import type { Project } from './model.ts'
import { condaPackageName, pipPackageName } from './pip-items.ts'

/** Packages of conda whose Python package has another name. */
const otherNames: Readonly<Record<string, string>> = {
  pytorch: 'torch',
  opencv: 'opencv-python',
  pytables: 'tables',
  'msgpack-python': 'msgpack',
  'matplotlib-base': 'matplotlib',
  'tensorflow-gpu': 'tensorflow',
  pyqt: 'pyqt5',
}

/** Packages of conda that are no Python packages. */
const notPython =
  /^(python|pip|conda|mkl|.*blas|cuda.*|cudnn|nccl|openjdk|nodejs|git|gcc.*|gxx.*|cmake|make|jq|r-.*|lib.*|openssl|.*_linux-64)$/

/**
 * The Python packages that a conda file lists, by the names under which an interpreter knows them: sorted, without versions and URLs.
 * Undefined when it lists none or can't be read, which is no mistake where the file is not used.
 */
export async function expectedPackages(
  project: Project,
  file: string,
  skip: readonly string[],
): Promise<{ readonly file: string; readonly packages: readonly string[] } | undefined> {
  if (!/\.ya?ml$/.test(file)) return undefined
  const read = await loadCondaDependencies(project, file, { skip }).catch(() => undefined)
  if (read === undefined) return undefined
  const { conda, pip } = read.packages
  const fromConda = conda.map(condaPackageName).filter((name) => !notPython.test(name))
  const names = [
    ...fromConda.map((name) => otherNames[name] ?? name),
    ...pip.filter((item) => !/[\\/]/.test(item)).map(pipPackageName),
  ].filter((name) => /^[\w.-]+$/.test(name))
  return names.length === 0 ? undefined : { file, packages: [...new Set(names)].toSorted() }
}
