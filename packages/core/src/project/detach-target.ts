import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { listConfigurationFiles } from './files.ts'
import type { Project } from './model.ts'
import { listRunConfigurations } from './run-configurations.ts'
import { targetNotFound } from './targets.ts'

/** What detaching a target takes away, and what of the project goes on naming it. Paths are relative to the project. */
export interface DetachPlan {
  readonly file: string
  readonly runConfigurations: readonly string[]
}

/** Looks at a target that is to be detached, however broken its file is. Error: `TARGET_NOT_FOUND` with near names. */
export async function planDetach(project: Project, name: string): Promise<DetachPlan> {
  const files = await listConfigurationFiles(project, '.compute')
  const found = files.find((file) => file.name === name)
  if (found === undefined)
    throw await targetNotFound(
      project,
      name,
      files.map((file) => file.name),
    )
  const pointing = (await listRunConfigurations(project)).filter(({ target }) => target === name)
  return { file: found.file, runConfigurations: pointing.map(({ file }) => file) }
}

export async function deleteTarget(project: Project, { file }: DetachPlan): Promise<void> {
  await rm(join(project.directory, file), { force: true })
}
