import xterm from '@xterm/headless'
import type { Cast } from './cast.ts'

/** A piece of a line in one style. Colours are those of the terminal's palette, 0–255, or `#rrggbb`. */
export interface Span {
  readonly column: number
  readonly text: string
  readonly colour?: number | string
  readonly bold?: true
  readonly dim?: true
}

/** What the terminal shows from `seconds` on. */
export interface Frame {
  readonly seconds: number
  readonly lines: readonly (readonly Span[])[]
}

/** Seconds that a picture stays at least: what changes quicker is shown as one change. */
const shortest = 0.1

/**
 * Plays a recording into a terminal without a window and takes a picture after each change. Nothing moves for more than `longest` seconds:
 * waiting is cut to that.
 */
export async function framesOf({ width, height, events }: Cast, longest: number): Promise<readonly Frame[]> {
  const terminal = new xterm.Terminal({ cols: width, rows: height, allowProposedApi: true })
  const frames: Frame[] = []
  let now = 0
  let before = 0
  let last = ''
  for (const [index, [at, text]] of events.entries()) {
    now += Math.min(at - before, longest)
    before = at
    await new Promise<void>((resolve) => {
      terminal.write(text, resolve)
    })
    const next = events[index + 1]
    if (next !== undefined && next[0] - at < shortest && now - (frames.at(-1)?.seconds ?? -1) < shortest) continue
    const lines = linesOf(terminal)
    const picture = JSON.stringify(lines)
    if (picture === last) continue
    frames.push({ seconds: now, lines })
    last = picture
  }
  return frames
}

function linesOf(terminal: InstanceType<typeof xterm.Terminal>): Span[][] {
  const { active } = terminal.buffer
  return Array.from({ length: terminal.rows }, (_, row) => spansOf(active.getLine(active.viewportY + row), terminal.cols))
}

type Line = ReturnType<InstanceType<typeof xterm.Terminal>['buffer']['active']['getLine']>

function spansOf(line: Line, columns: number): Span[] {
  const spans: { column: number; text: string; style: string; colour?: number | string; bold?: true; dim?: true }[] = []
  for (let column = 0; column < columns; column += 1) {
    const cell = line?.getCell(column)
    if (cell === undefined || cell.getWidth() === 0) continue
    const text = cell.getChars() || ' '
    const style = {
      ...(cell.isFgPalette() ? { colour: cell.getFgColor() } : {}),
      ...(cell.isFgRGB() ? { colour: `#${cell.getFgColor().toString(16).padStart(6, '0')}` } : {}),
      ...(cell.isBold() === 0 ? {} : { bold: true as const }),
      ...(cell.isDim() === 0 ? {} : { dim: true as const }),
    }
    const key = JSON.stringify(style)
    const previous = spans.at(-1)
    if (previous?.style === key) previous.text += text
    else spans.push({ column, text, style: key, ...style })
  }
  return spans
    .map(({ style: _style, ...span }) => Object.assign(span, { text: span.text.trimEnd() === '' ? '' : span.text }))
    .filter(({ text }) => text !== '')
}
