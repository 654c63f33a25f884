/** Contract major that this core speaks. */
export const contract = 1

/** Why a package that names another one can't be used. */
export function contractReason(found: unknown): string {
  return `it is written for contract ${String(found)} of targets, and this errand speaks contract ${contract}`
}
