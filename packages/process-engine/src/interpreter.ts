import type { Host } from '@errand/core'

/**
 * The interpreters to try, best first: the one that the user named, else that of the active virtual or conda environment, else `python`
 * and, where there is none or only a Python 2, `python3`. `environment` holds the variables of the shell at the place.
 */
export function defaultPythons(named: string | undefined, environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (named !== undefined && named !== 'python') return [named]
  const active = environment['VIRTUAL_ENV'] ?? environment['CONDA_PREFIX']
  return [...(active ? [`${active}/bin/python`] : []), 'python', 'python3']
}

/** What a Python program prints on its standard output, or undefined when it fails. Isolated from `PYTHON*` variables, with the site packages. */
export async function askPython(host: Host, python: string, program: string, signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout } = await host.run([python, '-c', program], { signal })
  return exitCode === 0 ? stdout.toString('utf8').trim() : undefined
}
