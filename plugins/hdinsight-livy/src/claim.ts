import { errorCode } from '@errand/core'
import type { Call, Claim, StoredRun } from './stored-run.ts'

const ours = { by: 'client' }

/** Whoever makes the claim has the run: a driver that comes later ends at once. False when a driver, or another of us, has it. */
export async function takeClaim({ cluster: { storage }, folder }: StoredRun, call: Call): Promise<boolean> {
  try {
    await storage.write(`${folder}/claim`, JSON.stringify(ours), { ...call, overwrite: false })
    return true
  } catch (error) {
    if (['EXISTS', 'FORBIDDEN'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}

/** A driver says where it is, also when that is no container. */
export const isOfDriver = (claim: Claim | undefined): boolean => claim?.container !== undefined

/** Milliseconds within which who makes a claim has written who it is. */
const longestWriting = 60_000

/** Taken by a client, so that no driver has it; or empty for so long, by the clock of the storage, that whoever made it was killed at that moment. */
export async function isOfNobody(run: StoredRun, call: Call): Promise<boolean> {
  const { folder } = run
  const { storage } = run.cluster
  const claim = await run.read<Claim>('claim', call)
  if (claim !== undefined) return 'by' in claim && claim.by === ours.by
  const made = await storage.status(`${folder}/claim`, call)
  await storage.write(`${folder}/looked`, '', { ...call, overwrite: true })
  const now = await storage.status(`${folder}/looked`, call)
  return made !== undefined && now !== undefined && now.modified - made.modified > longestWriting
}
