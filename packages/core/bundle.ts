import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bundle } from '../../bundle.ts'

// Runs in the build, behind the compiler.
const room = import.meta.dirname
const { exports, dependencies } = JSON.parse(readFileSync(resolve(room, 'package.json'), 'utf8'))
await bundle({
  directory: resolve(room, 'dist'),
  entries: Object.values<{ default: string }>(exports).map((paths) => paths.default.replace(/^\.\/dist\/|\.js$/g, '')),
  external: Object.keys(dependencies),
})
