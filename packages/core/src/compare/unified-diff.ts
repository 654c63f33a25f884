import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import type { SnapshotFile } from '../request.ts'
import { objectPath } from '../snapshot/index.ts'

/** Bytes above which a file is not read for its diff: nobody reads that. */
const largest = 2_000_000
/** Milliseconds for one file. */
const patience = 2000

/**
 * The unified diff of two stored files, one of which may not be there, with the header lines of git, which `git apply` and `patch` read. What
 * has no diff says so in a line of its own.
 */
export function unifiedDiff(state: string, before: SnapshotFile | undefined, after: SnapshotFile | undefined): string {
  const path = after?.path ?? before?.path ?? ''
  const names = [before === undefined ? '/dev/null' : `a/${before.path}`, after === undefined ? '/dev/null' : `b/${after.path}`] as const
  if (Math.max(before?.size ?? 0, after?.size ?? 0) > largest) return `Files ${names.join(' and ')} differ (too large to show)\n`
  const texts = [before, after].map((file) => (file === undefined ? '' : textOf(state, file)))
  const [left, right] = texts
  if (left === null || right === null) return `Binary files ${names.join(' and ')} differ\n`
  if (left === undefined || right === undefined) return `The content of ${path} is not in the history any more\n`
  const patch = createTwoFilesPatch(...names, left, right, undefined, undefined, { headerOptions: FILE_HEADERS_ONLY, timeout: patience })
  if (patch !== undefined) return header(before, after) + (left === right ? '' : patch)
  return `Files ${names.join(' and ')} differ too much to show\n`
}

function header(before: SnapshotFile | undefined, after: SnapshotFile | undefined): string {
  const path = after?.path ?? before?.path ?? ''
  const [old, fresh] = [modeOf(before), modeOf(after)]
  const first = `diff --git a/${path} b/${path}\n`
  if (old === undefined) return `${first}new file mode ${fresh}\n`
  if (fresh === undefined) return `${first}deleted file mode ${old}\n`
  return old === fresh ? first : `${first}old mode ${old}\nnew mode ${fresh}\n`
}

function modeOf(file: SnapshotFile | undefined): string | undefined {
  return file === undefined ? undefined : file.executable ? '100755' : '100644'
}

/** Null for what is no text, undefined for what is gone. */
function textOf(state: string, { digest }: SnapshotFile): string | null | undefined {
  try {
    const bytes = readFileSync(objectPath(state, digest))
    return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : null
  } catch {
    return undefined
  }
}
