import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { bringNpmPart } from './servers/npm-part.ts'

const repository = resolve(import.meta.dirname, '..')

/** What authors of targets import. */
const entries = ['packages/core', 'packages/process-engine', 'packages/testkit']

/** Writes the reference of the public names, from their doc comments, as pages into a folder. Rejects with what is not documented. */
export async function writeApiReference(typedoc: string, folder: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'errand-api-'))
  const sources = entries.map((room) => join(repository, room, 'src'))
  const settings = {
    extends: join(repository, 'tsconfig.base.json'),
    compilerOptions: { noEmit: true, typeRoots: [join(repository, 'node_modules/@types')] },
  }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify({ ...settings, include: sources }))
  const options = {
    name: 'Errand',
    entryPoints: sources.map((source) => join(source, 'index.ts')),
    tsconfig: join(scratch, 'tsconfig.json'),
    out: folder,
    readme: 'none',
    basePath: repository,
    disableGit: true,
    sourceLinkTemplate: '{path}',
    skipErrorChecking: true,
    hideGenerator: true,
    validation: { notDocumented: true, notExported: false },
    requiredToBeDocumented: ['Interface', 'Function', 'Class', 'TypeAlias'],
    treatValidationWarningsAsErrors: true,
  }
  writeFileSync(join(scratch, 'typedoc.json'), JSON.stringify(options))
  try {
    const program = join(typedoc, 'node_modules/typedoc/bin/typedoc')
    await promisify(execFile)(process.execPath, [program, '--options', join(scratch, 'typedoc.json')])
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

if (import.meta.main) {
  const part = await bringNpmPart(join(repository, '.toolchain/parts/typedoc'), (message) => process.stderr.write(`${message}\n`))
  await writeApiReference(part, join(repository, 'api'))
  process.stdout.write('api/index.html\n')
}
