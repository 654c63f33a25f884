const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
/** Where nothing can be drawn: `NaN` and the infinities. */
const gap = '·'

/**
 * Numbers as a line of blocks from the lowest to the highest, at most `width` of them. More numbers than that are put together in equal
 * parts, each drawn by its mean.
 */
export function sparkline(values: readonly number[], width: number): string {
  if (width <= 0 || values.length === 0) return ''
  const points = values.length <= width ? values : Array.from({ length: width }, (_, part) => meanOf(values, part, width))
  const finite = points.filter((value) => Number.isFinite(value))
  const lowest = finite.reduce((least, value) => Math.min(least, value), Infinity)
  const span = finite.reduce((most, value) => Math.max(most, value), -Infinity) - lowest
  return points
    .map((value) => {
      if (!Number.isFinite(value)) return gap
      const share = span === 0 ? 0.5 : (value - lowest) / span
      return blocks[Math.min(blocks.length - 1, Math.floor(share * blocks.length))] ?? gap
    })
    .join('')
}

/** Of what is finite in one of so many equal parts; `NaN` when nothing is. */
function meanOf(values: readonly number[], part: number, parts: number): number {
  const from = Math.floor((part * values.length) / parts)
  const to = Math.floor(((part + 1) * values.length) / parts)
  const finite = values.slice(from, to).filter((value) => Number.isFinite(value))
  return finite.reduce((sum, value) => sum + value, 0) / finite.length
}
