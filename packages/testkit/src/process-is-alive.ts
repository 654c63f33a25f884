import { readFileSync } from 'node:fs'
import { errorCode } from '@errand/core'

/** Whether a process of this machine runs. One that has ended and only waits for its parent to notice does not. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const state = fields.slice(fields.lastIndexOf(')') + 2)[0]
    return state !== 'Z' && state !== 'X'
  } catch (error) {
    // Where there is no /proc the signal's answer is all there is; where there is one, the process has just gone.
    return process.platform !== 'linux' && errorCode(error) === 'ENOENT'
  }
}
