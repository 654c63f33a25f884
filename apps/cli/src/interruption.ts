/** Ctrl-C as a signal: the first one lets go of the run in an orderly way, the second ends the command at once. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal
}

export function watchInterruption(): Interruption {
  const controller = new AbortController()
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', interrupt)
  return { signal: controller.signal, [Symbol.dispose]: () => void process.off('SIGINT', interrupt) }
}
