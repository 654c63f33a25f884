import { styleText } from 'node:util'
import type { Finding } from '@errand/core'

const colours = { ok: 'green', warning: 'yellow', failed: 'red' } as const

/** A finding as one line, what to do about it below. */
export function findingLines({ name, outcome, detail, hint }: Finding): string {
  const word = styleText(colours[outcome], outcome.padEnd(7), { stream: process.stdout })
  const way =
    hint === undefined
      ? ''
      : hint
          .split('\n')
          .map((line) => `        ${line}\n`)
          .join('')
  return `${word} ${name}: ${detail}\n${way}`
}
