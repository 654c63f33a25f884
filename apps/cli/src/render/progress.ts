import { stripVTControlCharacters, styleText } from 'node:util'
import { formatBytes, type Progress } from '@errand/core'

const pictures = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const barWidth = 24

/** One line that says how far a step is: a bar where the end is known, else a spinner. Never wider than the terminal. */
export function drawProgress(progress: Progress, elapsed: number, columns: number): string {
  const picture = pictures[Math.floor(elapsed / 100) % pictures.length] ?? ''
  const parts = [bar(progress), describeAmount(progress), `${Math.floor(elapsed / 1000)} s`].filter((part) => part !== '')
  while (parts.join('  ').length > columns - 6 && parts.length > 0) parts.shift()
  const tail = parts.join('  ')
  const message = stripVTControlCharacters(progress.message).replaceAll(/\s+/g, ' ')
  const room = Math.max(0, columns - 1 - picture.length - tail.length - 3)
  const shortened = message.length > room ? `${message.slice(0, Math.max(0, room - 1))}…` : message
  return `${colour('cyan', picture)} ${shortened}  ${colour('dim', tail)}`
}

function bar({ done, total }: Progress): string {
  if (done === undefined || total === undefined || total <= 0) return ''
  const share = Math.min(1, Math.max(0, done / total))
  const full = Math.round(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${Math.floor(share * 100)}%`
}

function describeAmount({ done, total, unit }: Progress): string {
  if (done === undefined) return ''
  const number = unit === 'bytes' ? formatBytes : (value: number) => `${value}`
  const words = total === undefined ? number(done) : `${number(done)} of ${number(total)}`
  return unit === undefined || unit === 'bytes' ? words : `${words} ${unit}`
}

function colour(style: 'cyan' | 'dim', text: string): string {
  return styleText(style, text, { stream: process.stderr })
}
