import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** No run of the tests lasts that long. */
const lifetime = 24 * 60 * 60 * 1000

/** As `mkdtemp` of a test or of a server of the tests names it: `errand-sshd-x7Yt3Q`. */
const ofTests = /^errand-[a-z]+(-[a-z]+)*-[A-Za-z0-9]{6}$/

/** Before the tests: removes what those that were killed left in the temporary folder, so that a laptop does not fill up. */
export function removeOldFolders(directory = tmpdir(), now = Date.now()): void {
  const mounts = mountPoints()
  for (const name of readdirSync(directory).filter((each) => ofTests.test(each))) {
    const folder = join(directory, name)
    const changed = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? now
    if (now - changed < lifetime || mounts.includes(` ${folder}`)) continue
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // It belongs to somebody else.
    }
  }
}

/** Called by vitest with its own object. */
export default function setup(): void {
  removeOldFolders()
}

/** Nothing is removed below a mount: what is there may be of elsewhere. */
function mountPoints(): string {
  try {
    return readFileSync('/proc/self/mounts', 'utf8')
  } catch {
    return ''
  }
}
