import { stripVTControlCharacters } from 'node:util'
import { displayWidth } from './value.ts'

/** Some lines at the bottom of a terminal that are drawn again and again. */
export interface LivePicture extends Disposable {
  /** Replaces what was drawn. Lines are cut to the terminal, and those that do not fit below each other are left out. */
  draw(lines: readonly string[]): void
  /** Takes the picture away. */
  clear(): void
}

const hideCursor = '\u001B[?25l'
const showCursor = '\u001B[?25h'
/** Terminals that know it show what is between the two at once; others ignore it. */
const beginFrame = '\u001B[?2026h'
const endFrame = '\u001B[?2026l'

/** Disposing leaves the last picture there. `onResize` is called when the terminal gets another size, to draw again. */
export function openLivePicture(stream: NodeJS.WriteStream, onResize: () => void): LivePicture {
  let shown: readonly string[] = []
  let text = ''

  const erase = (): string => {
    // A terminal that became narrower has wrapped the lines.
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / Math.max(1, stream.columns))), 0)
    return rows === 0 ? '' : `\u001B[${rows}A\r\u001B[J`
  }
  const restore = (): void => void stream.write(showCursor)
  const resized = (): void => {
    text = ''
    onResize()
  }

  stream.write(hideCursor)
  process.once('exit', restore)
  stream.on('resize', resized)
  return {
    draw(lines) {
      const fitting = lines.slice(0, Math.max(1, stream.rows - 1)).map((line) => cutLine(line, stream.columns - 1))
      const next = fitting.map((line) => `${line}\n`).join('')
      if (next === text) return
      stream.write(`${beginFrame}${erase()}${next}${endFrame}`)
      shown = fitting
      text = next
    },
    clear() {
      stream.write(erase())
      shown = []
      text = ''
    },
    [Symbol.dispose]() {
      stream.off('resize', resized)
      process.off('exit', restore)
      restore()
    },
  }
}

const widthOf = (line: string): number => displayWidth(stripVTControlCharacters(line))

/** A line without its end when it is wider than `columns`; its colours with it, since one could stay switched on. */
export function cutLine(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(stripVTControlCharacters(line))) {
    if (displayWidth(kept + segment) > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}
