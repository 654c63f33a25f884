import { expect, it } from 'vitest'
import { formatBytes } from '../src/format-bytes.ts'

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [1_459_000_000, '1.46 GB'],
  [999_700, '1.00 MB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
