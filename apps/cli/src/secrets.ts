import type { SecretStore } from '@errand/core/secrets'

/** The secrets of the project in or at a folder. Its history is made when there is none yet: a project's secrets go by the history's id. */
export async function openProjectSecrets(projectDirectory: string): Promise<SecretStore> {
  const { findProject } = await import('@errand/core/project')
  const { openHistory } = await import('@errand/core/history')
  const { openSecrets } = await import('@errand/core/secrets')
  const project = await findProject(projectDirectory)
  using history = openHistory(project.directory)
  return openSecrets({ directory: project.directory, id: history.projectId, name: project.name })
}
