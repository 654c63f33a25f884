import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** verdaccio 6 does not install without the override: what it asks for of node-fetch is not to be had. */
const manifest = { private: true, dependencies: { verdaccio: '6.10.4' }, overrides: { 'node-fetch': '2.7.0' } }

/** Brings the registry that published packages are tried from into the folder, unless it is there. Needs npm. */
export async function bringRegistry(folder: string, say: (message: string) => void): Promise<string> {
  const marker = join(folder, 'complete')
  const wanted = JSON.stringify(manifest)
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return folder
  say(`bringing verdaccio into ${join('.toolchain', 'parts', 'registry')}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), wanted)
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, maxBuffer: 1e8 })
  writeFileSync(marker, wanted)
  return folder
}
