import type { Snapshot, SnapshotFile } from '@errand/core'
import type { Agent } from './agent.ts'

/** The files of a snapshot whose content is not at the agent's place yet: what a submit would send. Changes nothing there. */
export async function missingFiles(agent: Agent, { entries }: Snapshot, signal: AbortSignal): Promise<readonly SnapshotFile[]> {
  const files = entries.filter((entry) => entry.kind === 'file')
  const digests = [...new Set(files.map(({ digest }) => digest))]
  const { result } = await agent.call('missing', {}, { signal, body: Buffer.from(JSON.stringify(digests)) })
  const { missing } = result as { missing: readonly string[] }
  const absent = new Set(missing)
  // A content that several files have is sent once.
  return files.filter(({ digest }) => absent.delete(digest))
}
