import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { RunRequest } from '@errand/core'
import { contextFolders, defaultProject } from './context.ts'
import { type ProjectFiles, takeProjectSnapshot, writeProject } from './project-files.ts'

/** A project that a test invents. */
export interface TestProject {
  /** The folder of a test context: the project is written into it, and its contents by digest. */
  readonly directory: string
  readonly project?: { readonly name: string; readonly id: string }
  /** The first one is the script. */
  readonly files: ProjectFiles
}

/** A request as core would make it, with a run id of its own, for the interpreter of the place as it is. */
export async function createTestRequest(
  { directory, project = defaultProject, files }: TestProject,
  changes: Partial<RunRequest> = {},
): Promise<RunRequest> {
  await writeProject(join(directory, contextFolders.project), files)
  return {
    project: project.name,
    projectId: project.id,
    framework: 'python',
    environment: { kind: 'user-managed' },
    runId: `${project.name}_${Date.now()}_${randomBytes(4).toString('hex')}`,
    script: Object.keys(files)[0] ?? '',
    arguments: [],
    variables: {},
    secretVariables: [],
    snapshot: await takeProjectSnapshot(join(directory, contextFolders.objects), files),
    outputs: ['outputs/**'],
    ...changes,
  }
}
