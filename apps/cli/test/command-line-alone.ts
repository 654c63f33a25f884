import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const cliDirectory = resolve(import.meta.dirname, '..')

/**
 * The command line as npm installs it: with the types of targets that it depends on and no other, while that of the checkout has them all.
 * Answers the program.
 */
export function commandLineAlone(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const { devDependencies: _development, ...manifest } = JSON.parse(readFileSync(join(cliDirectory, 'package.json'), 'utf8'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  for (const part of ['bin', 'dist', 'pages']) cpSync(join(cliDirectory, part), join(folder, part), { recursive: true })
  symlinkSync(join(cliDirectory, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'bin/errand.js')
}
