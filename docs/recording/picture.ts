import type { Frame, Span } from './frames.ts'

const size = { character: 8.4, line: 18, font: 14, border: 16 }
const background = '#16181d'
const foreground = '#d7dae0'
/** The sixteen colours of a terminal that the command line uses. */
const palette = ['#3b4048', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#abb2bf']

/** Seconds that the last picture stays before it all begins again. */
const rest = 4

/** Frames as one SVG that moves by itself where pictures are shown: no script, nothing loaded from elsewhere. */
export function drawPicture(frames: readonly Frame[], columns: number, rows: number): string {
  const width = Math.ceil(columns * size.character + 2 * size.border)
  const height = rows * size.line + 2 * size.border
  const total = (frames.at(-1)?.seconds ?? 0) + rest
  const lines = new Map<string, string>()
  const drawn = frames.map(({ lines: shown }, index) => {
    const uses = shown.flatMap((spans, row) => {
      if (spans.length === 0) return []
      const text = spans.map(drawSpan).join('')
      const name = lines.get(text) ?? `l${lines.size}`
      lines.set(text, name)
      return [`<use href="#${name}" y="${row * size.line}"/>`]
    })
    return `<g transform="translate(${index * width} 0)">${uses.join('')}</g>`
  })
  const steps = frames.map(({ seconds }, index) => `${((100 * seconds) / total).toFixed(3)}%{transform:translateX(-${index * width}px)}`)
  const definitions = [...lines].map(([text, name]) => `<text id="${name}" xml:space="preserve">${text}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<style>
text{font:${size.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:${foreground};white-space:pre;dominant-baseline:hanging}
.b{font-weight:bold}.d{opacity:.6}${palette.map((colour, index) => `.c${index}{fill:${colour}}`).join('')}
.film{animation:film ${total.toFixed(2)}s step-end infinite}
@keyframes film{0%{transform:translateX(0)}${steps.join('')}}
</style>
<defs>${definitions.join('\n')}</defs>
<rect width="100%" height="100%" rx="8" fill="${background}"/>
<svg x="${size.border}" y="${size.border}" width="${width - 2 * size.border}" height="${height - 2 * size.border}"><g class="film">
${drawn.join('\n')}
</g></svg>
</svg>
`
}

function drawSpan({ column, text, colour, bold, dim }: Span): string {
  const classes = [bold ? 'b' : '', dim ? 'd' : '', typeof colour === 'number' ? `c${colour % palette.length}` : ''].filter(Boolean)
  const style = `${classes.length === 0 ? '' : ` class="${classes.join(' ')}"`}${typeof colour === 'string' ? ` fill="${colour}"` : ''}`
  // Each group of words has its place and length, so that a font of another width moves nothing out of its column.
  return [...text.matchAll(/\S+(?: \S+)*/g)]
    .map(({ 0: words, index }) => {
      const length = (words.length * size.character).toFixed(1)
      return `<tspan x="${((column + index) * size.character).toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${style}>${escaped(words)}</tspan>`
    })
    .join('')
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
