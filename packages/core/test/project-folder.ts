import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Diagnostic, Project } from '../src/project/index.ts'

/** A project in a folder of its own, removed by `await using`. Paths of `files` are relative to it. */
export async function temporaryProject(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<Project & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-project-'))
  await mkdir(join(directory, 'aml_config'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  return {
    directory,
    name: 'flowers',
    configurationDirectory: 'aml_config',
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** `warning KEY_CASE 3` for each, so that a test reads like a table. */
export function outline(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ severity, code, line }) => [severity, code, line].filter((part) => part !== undefined).join(' '))
}

/** Code, message and hint of what a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<{ code?: string; message: string; hint?: string }> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
    const hint = 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
    return { ...code, message: error.message, ...hint }
  }
  throw new Error('It was not rejected.')
}
