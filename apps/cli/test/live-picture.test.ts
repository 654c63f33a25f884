import { EventEmitter } from 'node:events'
import xterm from '@xterm/headless'
import { expect, it } from 'vitest'
import { cutLine, openLivePicture } from '../src/render/live-picture.ts'

/** A real terminal without a window, as the stream that a picture is drawn on. */
function makeTerminal(columns: number, rows: number) {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true })
  const stream = Object.assign(new EventEmitter(), {
    columns,
    rows,
    write: (text: string) => {
      terminal.write(text)
      return true
    },
  })
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    resize(newColumns: number, newRows: number) {
      terminal.resize(newColumns, newRows)
      Object.assign(stream, { columns: newColumns, rows: newRows })
      stream.emit('resize')
    },
    async screen(): Promise<string[]> {
      await new Promise<void>((resolve) => {
        terminal.write('', resolve)
      })
      const { buffer } = terminal
      const lines = Array.from({ length: buffer.active.length }, (_, row) => buffer.active.getLine(row)?.translateToString(true) ?? '')
      return lines.join('\n').trimEnd().split('\n')
    },
  }
}

it('replaces what it drew, below what was there before', async () => {
  const terminal = makeTerminal(40, 10)
  terminal.stream.write('RunId: 1\n')
  using picture = openLivePicture(terminal.stream, () => {})
  picture.draw(['one', 'two', 'three'])
  picture.draw(['uno', 'due'])
  expect(await terminal.screen()).toEqual(['RunId: 1', 'uno', 'due'])
  picture.clear()
  terminal.stream.write('the end\n')
  expect(await terminal.screen()).toEqual(['RunId: 1', 'the end'])
})

it('cuts lines to the terminal and leaves out those that do not fit below each other', async () => {
  const terminal = makeTerminal(20, 5)
  using picture = openLivePicture(terminal.stream, () => {})
  const lines = Array.from({ length: 9 }, (_, row) => `${row} ${'x'.repeat(50)}`)
  for (let round = 0; round < 3; round += 1) picture.draw([...lines, `${round}`].map((line) => `${round}${line}`))
  expect(await terminal.screen()).toEqual(['0', '1', '2', '3'].map((row) => `2${row} xxxxxxxxxxxxxxx…`))
})

it('leaves nothing behind when the terminal becomes narrower and wraps the lines, or wider', async () => {
  const terminal = makeTerminal(60, 12)
  let width = 50
  using picture = openLivePicture(terminal.stream, () => picture.draw(['a'.repeat(width), 'b'.repeat(width)]))
  terminal.stream.write('RunId: 1\n')
  picture.draw(['a'.repeat(width), 'b'.repeat(width)])
  width = 15
  terminal.resize(20, 12)
  expect(await terminal.screen()).toEqual(['RunId: 1', 'a'.repeat(15), 'b'.repeat(15)])
  width = 70
  terminal.resize(80, 12)
  expect(await terminal.screen()).toEqual(['RunId: 1', 'a'.repeat(70), 'b'.repeat(70)])
})

it('measures what a line takes on the screen, not its characters', () => {
  expect(cutLine('\u001B[36mabc\u001B[39m', 3)).toBe('\u001B[36mabc\u001B[39m')
  expect(cutLine('\u001B[36mabcd\u001B[39m', 3)).toBe('ab…')
  expect(cutLine('日本語', 5)).toBe('日本…')
})
