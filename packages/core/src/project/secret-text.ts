import { hideCredentials, holdsCredentials } from './credentials.ts'

/** Words in a key after which a value is a secret. */
const secretKey =
  /(password|passwd|passphrase|secret|token|apikey|api_key|accesskey|access_key|accountkey|account_key|storagekey|storage_key|connectionstring|connection_string|sas_?key|private_?key)/i

/** Text that is a secret by its own look: connection strings, signed URLs, URLs with a password, long keys. */
const secretValues: readonly RegExp[] = [
  /\b(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)=[^;\s]+/i,
  /[?&](sig|sv|token|access_token)=(?!\*{3}|\$\{)[^&\s]+/i,
  /:\/\/[^/\s:@]+:(?!\$\{)[^/\s@]+@/,
  /^[A-Za-z0-9+/]{40,}={0,2}$/,
  /^(ghp_|gho_|github_pat_|xox[abp]-|AKIA|sk-|eyJ)[\w.-]{16,}$/,
]

/** What stands where a secret belongs in files that are shared: `<password>`, `****`, `xxx`, `REDACTED`. */
const placeholders = /^(<.*>|\*+|x+|\.+|-+|redacted|changeme|password|your[ _-].*|todo)$/i

export function isPlaceholder(text: string): boolean {
  return placeholders.test(text.trim())
}

export function looksLikeSecret(name: string, value: string): boolean {
  const text = value.trim()
  if (text === '' || isPlaceholder(text)) return false
  if (secretValues.some((pattern) => pattern.test(text))) return true
  return (secretKey.test(name) || /(^|_)(KEY|PWD)$/i.test(name)) && text.length >= 6 && !/^(true|false|\d{1,6})$/i.test(text)
}

/** Whether a line of a file can be shown to the user without showing a secret. */
export function mayPrintLine(line: string): boolean {
  const [name = '', ...value] = line.split(/[:=]\s*/)
  if (secretKey.test(name) || holdsCredentials(line) || secretValues.some((pattern) => pattern.test(line))) return false
  return !looksLikeSecret(name.trim(), value.join(':').replaceAll(/["']/g, ''))
}

/** A line of a file as it may be given to others: what could be a secret is replaced by `***`. */
export function maskLine(line: string): string {
  const shown = hideCredentials(line)
  if (mayPrintLine(shown)) return shown
  return /^\s*["']?[\w.-]+["']?\s*[:=]/.test(line) ? line.replace(/([:=]\s*).*/, '$1***') : '***'
}
