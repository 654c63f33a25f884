import { styleText } from 'node:util'

const colours = ['cyan', 'magenta', 'green', 'yellow', 'blue', 'red'] as const
const lineFeed = 10
/** Bytes that are kept of a line whose end has not come; a longer one is shown in parts. */
const longest = 64 * 1024

/** Puts the name of its run in front of each line, so that the lines of several runs can be told apart. */
export interface PrefixedLines {
  /** Whole lines of what has come so far; an unfinished one waits for its end. */
  take(stream: string, data: Uint8Array): Buffer
  /** What is left of unfinished lines, each with a line end, by stream. */
  rest(): readonly (readonly [stream: string, data: Buffer])[]
}

/** `index` chooses the colour, where `output` shows colours. */
export function prefixedLines(name: string, width: number, index: number, output: NodeJS.WriteStream): PrefixedLines {
  const prefix = Buffer.from(`${styleText(colours[index % colours.length] ?? 'cyan', `${name.padEnd(width)} |`, { stream: output })} `)
  const waiting = new Map<string, Buffer>()
  return {
    take(stream, data) {
      const whole = Buffer.concat([waiting.get(stream) ?? Buffer.alloc(0), data])
      const lines: Buffer[] = []
      let start = 0
      for (let end = whole.indexOf(lineFeed); end !== -1; end = whole.indexOf(lineFeed, start)) {
        lines.push(prefix, whole.subarray(start, end + 1))
        start = end + 1
      }
      let left = whole.subarray(start)
      if (left.length > longest) {
        lines.push(prefix, left, Buffer.from('\n'))
        left = Buffer.alloc(0)
      }
      waiting.set(stream, Buffer.from(left))
      return Buffer.concat(lines)
    },
    rest() {
      const left = [...waiting].filter(([, data]) => data.length > 0)
      waiting.clear()
      return left.map(([stream, data]) => [stream, Buffer.concat([prefix, data, Buffer.from('\n')])] as const)
    },
  }
}
