/** Whose key it is: the project by the id of its history. With `create` the history is made when there is none; else undefined. */
export async function openProjectKey(
  projectDirectory: string,
  options: { readonly create: boolean },
): Promise<{ readonly id: string; readonly directory: string } | undefined> {
  const { findProject } = await import('@errand/core/project')
  const { openHistory, openHistoryIfPresent } = await import('@errand/core/history')
  const { directory } = await findProject(projectDirectory)
  using history = options.create ? openHistory(directory) : openHistoryIfPresent(directory)
  return history === undefined ? undefined : { id: history.projectId, directory }
}
