import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeApiReference } from './api-reference.ts'

const part = process.env['ERRAND_TYPEDOC']

it.skipIf(part === undefined)('every public name of the contract is documented, and the reference is made of that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-api-'))
  try {
    await writeApiReference(part ?? '', folder)
    const pages = globSync('**/*.html', { cwd: folder })
    expect(pages).toContain('interfaces/packages_core_src.TargetDefinition.html')
    expect(readFileSync(join(folder, 'interfaces/packages_core_src.TargetDefinition.html'), 'utf8')).toContain('Default export of a plugin')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
