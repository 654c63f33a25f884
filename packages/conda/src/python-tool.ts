import type { Tool } from './step.ts'

/** Versions that we bring from PyPI. */
const pinned = { 'py-rattler': '0.28.0', uv: '0.13.9' } as const

export interface PythonTool {
  readonly tool: Tool
  /** The interpreter that has the package. */
  readonly python: string
  readonly version: string
}

interface Python {
  readonly path: string
  readonly version: string
}

const install = ['install', '--no-input', '--disable-pip-version-check', '--quiet']

/**
 * py-rattler in a tool environment. Debian's Python may lack ensurepip, some have no venv at all worth the name: then pip puts the package into
 * an environment that has no pip of its own.
 */
export function rattlerTool(home: string, python: Python): PythonTool {
  const version = pinned['py-rattler']
  const folder = toolFolder('py-rattler', home, python)
  const own = `${folder}/bin/python`
  const wanted = `py-rattler==${version}`
  const title = `bringing py-rattler ${version}`
  const site = `${folder}/lib/python${series(python)}/site-packages`
  return {
    version,
    python: own,
    tool: {
      folder,
      attempts: [
        [
          { title, command: [python.path, '-m', 'venv', folder] },
          { title, command: [own, '-m', 'pip', ...install, wanted] },
        ],
        [
          { title, command: [python.path, '-m', 'venv', '--without-pip', folder] },
          { title, command: [python.path, '-m', 'pip', ...install, '--target', site, wanted] },
        ],
      ],
    },
  }
}

/** The pip of a Python, else the one that ensurepip would install, out of its wheel. Source of the folders: ensurepip of CPython, and Debian's. */
const anyPip = [
  'import glob, os, runpy, sys',
  'folders = os.path.dirname(os.__file__) + "/ensurepip/_bundled", "/usr/share/python-wheels"',
  'sys.path += [wheel for folder in folders for wheel in glob.glob(folder + "/pip-*.whl")]',
  'runpy.run_module("pip", run_name="__main__", alter_sys=True)',
].join('; ')

/** uv is one program: an environment for it would take longer to make than uv to fetch. */
export function uvTool(home: string, python: Python): { readonly tool: Tool; readonly program: string; readonly version: string } {
  const version = pinned.uv
  const folder = toolFolder('uv', home, python)
  const options = ['--no-compile', '--no-deps', '--target', folder]
  const step = {
    title: `bringing uv ${version}`,
    command: [python.path, '-c', anyPip, ...install, ...options, `uv==${version}`],
    // Settings of a user that do not go with `--target`.
    environment: { PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0' },
  }
  return { version, program: `${folder}/bin/uv`, tool: { folder, attempts: [[step]] } }
}

const series = ({ version }: Python): string => version.split('.').slice(0, 2).join('.')

const toolFolder = (name: keyof typeof pinned, home: string, python: Python): string =>
  `${home}/tools/${name}-${pinned[name]}-python${series(python)}`
