import { createRequire } from 'node:module'
import type Dockerode from 'dockerode'

/**
 * Parts that are loaded when something of theirs is used for the first time. Builds with BuildKit need gRPC; ssh2, folders as archives and streams
 * without an upgrade our connections never need. They take most of dockerode's time to load, in every command.
 */
const seldom = ['./session', 'docker-modem/lib/ssh', 'docker-modem/lib/http_duplex', 'tar-fs', '@balena/dockerignore']

export function loadDockerode(): typeof Dockerode {
  const require = createRequire(import.meta.url)
  const inside = createRequire(require.resolve('dockerode'))
  for (const path of seldom) defer(inside, inside.resolve(path))
  return require('dockerode') as typeof Dockerode
}

type Callable = (...parameters: unknown[]) => unknown

/** For modules that export a function, a class, or an object of functions. */
function defer(require: NodeJS.Require, file: string): void {
  if (require.cache[file] !== undefined) return
  let loaded: Callable | undefined
  const load = (): Callable => {
    if (loaded !== undefined) return loaded
    delete require.cache[file]
    loaded = require(file) as Callable
    return loaded
  }
  const placeholder = new Proxy(function () {}, {
    apply: (_, self, parameters) => Reflect.apply(load(), self, parameters),
    construct: (_, parameters) => Reflect.construct(load(), parameters) as object,
    get: (_, name) => Reflect.get(load(), name) as unknown,
  })
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
