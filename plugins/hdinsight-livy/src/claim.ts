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

/** Taken by a client, so that no driver has it. One that is being written at this moment is nobody's yet. */
export const isOurs = (claim: Claim | undefined): boolean => claim !== undefined && 'by' in claim && claim.by === ours.by
