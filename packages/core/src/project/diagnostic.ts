import { ErrandError, errorCode } from '../errors.ts'

/** A place in a file, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One thing that was noticed in a configuration file. Never holds a secret value. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note'
  /** Stable, for tests and tools: `DUPLICATE_KEY`. */
  readonly code: string
  /** Relative to the project, with forward slashes. Empty: the command line is meant. */
  readonly file: string
  readonly line?: number
  readonly column?: number
  readonly message: string
  /** The edit or command that mends it. */
  readonly hint?: string
}

/** `aml_config/docker.compute:3:1: message (hint)`; the parts that are unknown are left out. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const place = [diagnostic.file, diagnostic.line, diagnostic.line === undefined ? undefined : diagnostic.column]
  const hint = diagnostic.hint === undefined ? '' : ` (${diagnostic.hint})`
  const prefix = diagnostic.file === '' ? '' : `${place.filter((part) => part !== undefined).join(':')}: `
  return `${prefix}${diagnostic.message}${hint}`
}

/** Whether any of them forbids going on. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error')
}

/** All errors of a list as one error with code `CONFIGURATION_INVALID`, one a line, each file's in the order of its lines. It carries the list. */
export function configurationError(diagnostics: readonly Diagnostic[]): ErrandError {
  const errors = diagnostics
    .filter((diagnostic) => diagnostic.severity === 'error')
    .toSorted((a, b) => (a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : 0))
  return Object.assign(new ErrandError('CONFIGURATION_INVALID', errors.map(formatDiagnostic).join('\n')), { diagnostics })
}

/** What a `CONFIGURATION_INVALID` was made of; undefined for any other error. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] | undefined {
  if (errorCode(error) !== 'CONFIGURATION_INVALID' || typeof error !== 'object' || error === null || !('diagnostics' in error))
    return undefined
  return error.diagnostics as readonly Diagnostic[]
}

/** Gives the list back, or throws its errors. */
export function throwErrors(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (hasErrors(diagnostics)) throw configurationError(diagnostics)
  return diagnostics
}

/** Collects what is noticed in one file. */
export interface DiagnosticList {
  readonly file: string
  readonly list: Diagnostic[]
  error(code: string, message: string, position?: Position, hint?: string): void
  warning(code: string, message: string, position?: Position, hint?: string): void
  note(code: string, message: string, position?: Position, hint?: string): void
}

export function diagnosticList(file: string): DiagnosticList {
  const list: Diagnostic[] = []
  const add =
    (severity: Diagnostic['severity']) =>
    (code: string, message: string, position?: Position, hint?: string): void => {
      list.push({ severity, code, file, ...position, message, ...(hint === undefined ? {} : { hint }) })
    }
  return { file, list, error: add('error'), warning: add('warning'), note: add('note') }
}
