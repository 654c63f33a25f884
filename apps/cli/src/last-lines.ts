import type { StoredLogRecord } from '@errand/core/history'

type Piece = Pick<StoredLogRecord, 'stream' | 'data'>

const lineFeed = 10

/**
 * The last lines of a log, counted over the streams that `counts` takes, in the order in which they came; a last line without a line end is
 * a line. `end`: where the log ended. Memory is that of the lines, not of the log.
 */
export function lastLines(
  records: Iterable<StoredLogRecord>,
  lines: number,
  counts: (record: StoredLogRecord) => boolean,
): { readonly pieces: readonly Piece[]; readonly end: number | undefined } {
  const kept: { piece: Piece; feeds: number }[] = []
  let feeds = 0
  let end: number | undefined
  for (const record of records) {
    ;({ end } = record)
    if (!counts(record)) continue
    const piece = { stream: record.stream, data: record.data }
    kept.push({ piece, feeds: countFeeds(record.data) })
    feeds += kept.at(-1)?.feeds ?? 0
    // One more line end than lines: the first kept record may begin in the middle of a line.
    while (kept.length > 1 && feeds - (kept[0]?.feeds ?? 0) > lines) feeds -= kept.shift()?.feeds ?? 0
  }
  return {
    pieces: trimmed(
      kept.map(({ piece }) => piece),
      lines,
    ),
    end,
  }
}

function trimmed(pieces: readonly Piece[], lines: number): Piece[] {
  if (lines === 0) return []
  const result: Piece[] = []
  let missing = lines
  let isLast = true
  for (const { stream, data } of pieces.toReversed()) {
    let start = data.length
    while (start > 0) {
      // The line end at the very end of the log ends the last line and begins none.
      if (data[start - 1] === lineFeed && !isLast) {
        missing -= 1
        if (missing === 0) break
      }
      isLast = false
      start -= 1
    }
    result.push({ stream, data: data.subarray(start) })
    if (missing === 0) break
  }
  return result.toReversed()
}

function countFeeds(data: Uint8Array): number {
  let count = 0
  for (let at = data.indexOf(lineFeed); at !== -1; at = data.indexOf(lineFeed, at + 1)) count += 1
  return count
}
