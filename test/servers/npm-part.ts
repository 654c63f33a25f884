import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

/** Programs from npm that stay out of the workspace's own dependencies, and why. */
const npmParts = {
  /** Does not install without the override: the version of node-fetch that it asks for is not to be had. */
  registry: { dependencies: { verdaccio: '6.10.4' }, overrides: { 'node-fetch': '2.7.0' } },
  /** Reads sources with TypeScript 6, the last that has an API in JavaScript. */
  typedoc: { dependencies: { typedoc: '0.28.20', typescript: '6.0.3' } },
} as const

/** Brings a part into the folder of its name, unless it is there. Needs npm. */
export async function bringNpmPart(folder: string, say: (message: string) => void): Promise<string> {
  const name = basename(folder) as keyof typeof npmParts
  const wanted = JSON.stringify({ private: true, ...npmParts[name] })
  const marker = join(folder, 'complete')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return folder
  say(`bringing ${Object.keys(npmParts[name].dependencies).join(', ')} into ${join('.toolchain', 'parts', name)}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), wanted)
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, maxBuffer: 1e8 })
  writeFileSync(marker, wanted)
  return folder
}
