import type { SecretStore } from '@errand/core/secrets'

/**
 * The secrets of a project, which go by the id of its history. With `create` the history is made when there is none; else a project
 * without one has no secrets and the answer is undefined.
 */
export async function openProjectSecrets(
  projectDirectory: string,
  options: { readonly create: boolean },
): Promise<SecretStore | undefined> {
  const { findProject } = await import('@errand/core/project')
  const { openHistory, openHistoryIfPresent } = await import('@errand/core/history')
  const { openSecrets } = await import('@errand/core/secrets')
  const project = await findProject(projectDirectory)
  using history = options.create ? openHistory(project.directory) : openHistoryIfPresent(project.directory)
  return history === undefined ? undefined : openSecrets({ directory: project.directory, id: history.projectId, name: project.name })
}
