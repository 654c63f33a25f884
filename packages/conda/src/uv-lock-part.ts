import { ErrandError } from '@errand/core'
import type { UvLock } from './content.ts'
import { type OriginsStep, originsStep } from './origins-step.ts'
import type { PipPart } from './pip-part.ts'
import type { Making } from './step.ts'
import { type Uv, uvEnvironment } from './uv.ts'

/** What a `uv.lock` has for this Python and platform, and nothing else: uv reads no more of the project than its name. */
export function uvLockPart(part: PipPart, { path, name, requires, without }: UvLock, uv: Uv): Making & { readonly origins?: OriginsStep } {
  const { content, folder, prefix } = part
  const file = content.localFiles.find((local) => local.path === path)
  if (file === undefined) throw new ErrandError('LOCK_FILE_MISSING', `${path} was not stored with the request.`, { hint: 'Submit again.' })
  const python = requires === '' ? '' : `requires-python = ${JSON.stringify(requires)}\n`
  const environment = { ...uvEnvironment(uv.version), UV_PROJECT_ENVIRONMENT: prefix }
  const title = `installing what ${path} locks with uv ${uv.version}`
  const skipped = without.flatMap((item) => ['--no-install-package', item])
  const flags = [
    '--frozen',
    '--no-dev',
    '--no-install-project',
    '--no-config',
    '--project',
    `${folder}/project`,
    '--python',
    `${prefix}/bin/python`,
  ]
  return {
    files: {
      'project/pyproject.toml': `[project]\nname = ${JSON.stringify(name)}\nversion = "0"\n${python}`,
      'project/uv.lock': '',
      'frozen.txt': '',
    },
    steps: [
      { title: `reading ${path}`, command: ['cp', part.locate(file), `${folder}/project/uv.lock`] },
      {
        title,
        command: [...uv.command, 'sync', ...flags, ...skipped],
        environment,
        cwd: folder,
        tool: 'uv',
      },
    ],
    tools: uv.tool === undefined ? {} : { uv: uv.tool },
    origins: originsStep(part, uv),
  }
}
