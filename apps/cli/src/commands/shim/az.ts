import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { azForShells, azForWindows, shimMark } from '../../az-shim.ts'
import { ErrandCommand } from '../../command.ts'

export default class ShimAz extends ErrandCommand {
  static override summary = 'Writes an az that hands what runs scripts to errand, so that old scripts and clients run unchanged.'
  static override description =
    'The groups experiment, computetarget, runconfiguration and history of `az ml` (and their older spellings) go to errand, everything else to the next az in the PATH, if there is one. The folder has to come first in the PATH.'
  static override examples = ['<%= config.bin %> shim az --into ~/bin']
  static override flags = {
    into: Flags.string({ summary: 'Folder for it; made if it is not there.', helpValue: 'DIR', required: true }),
    overwrite: Flags.boolean({ summary: 'Replace an az that is there and is not of errand.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ShimAz)
    const folder = resolve(flags.into)
    const program = fileURLToPath(new URL('../../../bin/errand.js', import.meta.url))
    const files = [
      { path: join(folder, 'az'), text: azForShells({ node: process.execPath, program }) },
      { path: join(folder, 'az.cmd'), text: azForWindows() },
    ]
    for (const { path } of files) if (!flags.overwrite) refuseForeign(path)
    mkdirSync(folder, { recursive: true })
    for (const { path, text } of files) {
      writeFileSync(path, text)
      chmodSync(path, 0o755)
    }
    const comesFirst = isFirstInPath(folder)
    const lines = [`Written: ${files.map(({ path }) => path).join(' and ')}`]
    if (!comesFirst) lines.push(`Put the folder first in the PATH:  export PATH="${folder}:$PATH"`)
    await this.printOutcome(lines.join('\n'), { files: files.map(({ path }) => path), first_in_path: comesFirst })
  }
}

function refuseForeign(path: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8').includes(shimMark)) return
  throw new ErrandError('FILE_EXISTS', `${path} is already there, and is not of errand.`, {
    hint: 'Choose another folder with --into, or replace it with --overwrite.',
  })
}

/** Whether a shell that is asked for `az` now finds that of the folder. */
function isFirstInPath(folder: string): boolean {
  const found = (process.env['PATH'] ?? '').split(delimiter).find((directory) => existsSync(join(directory, 'az')))
  return found !== undefined && realpathSync(found) === realpathSync(folder)
}
