import type { Tool } from './step.ts'

/** Versions that we bring from PyPI. */
export const pinned = { 'py-rattler': '0.28.0', uv: '0.13.9' } as const

export interface PythonTool {
  readonly tool: Tool
  /** The interpreter that has the package. */
  readonly python: string
  readonly version: string
}

/**
 * A tool environment with one package of PyPI. Debian's Python may lack ensurepip, some have no venv at all worth the name: then pip puts
 * the package into an environment that has no pip of its own.
 */
export function pythonTool(
  name: keyof typeof pinned,
  home: string,
  python: { readonly path: string; readonly version: string },
): PythonTool {
  const version = pinned[name]
  const series = python.version.split('.').slice(0, 2).join('.')
  const folder = `${home}/tools/${name}-${version}-python${series}`
  const own = `${folder}/bin/python`
  const wanted = `${name}==${version}`
  const install = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--quiet']
  const title = `bringing ${name} ${version}`
  const site = `${folder}/lib/python${series}/site-packages`
  return {
    version,
    python: own,
    tool: {
      folder,
      attempts: [
        [
          { title, command: [python.path, '-m', 'venv', folder] },
          { title, command: [own, ...install, wanted] },
        ],
        [
          { title, command: [python.path, '-m', 'venv', '--without-pip', folder] },
          { title, command: [python.path, ...install, '--target', site, wanted] },
        ],
      ],
    },
  }
}
