import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PJSON } from './oclif-core.ts'

/** Where the built commands and their manifest are: the manifest is build output and lives with the rest of it. */
export const builtDirectory = fileURLToPath(new URL('.', import.meta.url)).replace(/[/\\]$/, '')

/** The package.json of the command line. Given to oclif, which would search the disk for it otherwise. */
export function readPackage(): PJSON {
  const json: PJSON = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return { ...json, oclif: { ...json.oclif, commands: './commands', helpClass: { identifier: 'ErrandHelp', target: './help.js' } } }
}
