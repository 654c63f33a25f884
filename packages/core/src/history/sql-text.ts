/**
 * SQLite keeps text as UTF-8, which has no half surrogates; Python's JSON has (a file name that is no UTF-8 arrives as such). They are
 * kept as U+10FFFF and four hexadecimal digits, so that every string comes back as it was and all usual text stays readable in the file.
 */
export const mark = '\u{10FFFF}'
const kept = /\u{10FFFF}|\p{Surrogate}/gu
const marked = /\u{10FFFF}([0-9a-f]{4})/gu

export function toSqlText(text: string): string {
  if (text.isWellFormed() && !text.includes(mark)) return text
  return text.replace(kept, (found) => mark + (found === mark ? 'ffff' : found.charCodeAt(0).toString(16)))
}

export function fromSqlText(text: string): string {
  if (!text.includes(mark)) return text
  return text.replace(marked, (_, code: string) => (code === 'ffff' ? mark : String.fromCharCode(Number.parseInt(code, 16))))
}
