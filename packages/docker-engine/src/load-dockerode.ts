import { createRequire } from 'node:module'
import type Dockerode from 'dockerode'

/**
 * dockerode, with gRPC (for a build with BuildKit) and ssh2 (which our connections never need) loaded when they are called for the first time:
 * they take most of its time to load, in every command.
 */
export function loadDockerode(): typeof Dockerode {
  const require = createRequire(import.meta.url)
  const inside = createRequire(require.resolve('dockerode'))
  for (const path of ['./session', 'docker-modem/lib/ssh']) defer(inside, inside.resolve(path))
  return require('dockerode') as typeof Dockerode
}

type Callable = (...parameters: unknown[]) => unknown

/** For modules that export one function. */
function defer(require: NodeJS.Require, file: string): void {
  if (require.cache[file] !== undefined) return
  const placeholder: Callable = (...parameters) => {
    delete require.cache[file]
    return (require(file) as Callable)(...parameters)
  }
  require.cache[file] = {
    id: file,
    filename: file,
    path: '',
    paths: [],
    children: [],
    loaded: true,
    exports: placeholder,
  } as unknown as NodeJS.Module
}
