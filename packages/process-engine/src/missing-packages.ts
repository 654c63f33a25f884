import type { CallOptions, Host, Logger } from '@errand/core'

/**
 * Prints, one a line, which of the packages named by the arguments the interpreter lacks. Reads the names of what is installed and imports
 * nothing: a broken package must not break this. The name of a module counts as well as that of its distribution.
 */
const program = `
import os, re, sys

def plain(name):
    return re.sub("[-_.]+", "-", name).lower()

found = set(plain(name) for name in sys.builtin_module_names)
for folder in sys.path:
    try:
        names = os.listdir(folder or ".")
    except OSError:
        continue
    for name in names:
        base, kind = os.path.splitext(name)
        if kind in (".dist-info", ".egg-info", ".egg"):
            base = base.split("-")[0]
        found.add(plain(base.split(".")[0] if kind == ".so" else base))
for name in sys.argv[1:]:
    if plain(name) not in found:
        print(name)
`

/** Says which packages of a dependency file the interpreter lacks. They are named and not installed: it is the user's environment. */
export async function warnOfMissingPackages(
  host: Host,
  python: string,
  { file, packages }: { readonly file: string; readonly packages: readonly string[] },
  log: Logger,
  { signal }: CallOptions,
): Promise<void> {
  const { exitCode, stdout } = await host.run([python, '-c', program, ...packages], { signal })
  const missing = stdout.toString('utf8').split('\n').filter(Boolean)
  if (exitCode !== 0 || missing.length === 0) return
  log.warn(`${python} on ${host.name} lacks packages that ${file} lists: ${missing.join(', ')}. Nothing is installed into your own Python.`)
}
