/** Gives a value to whoever reads the updates; resolves when it is time to go on (a slow reader slows the work). */
export type Emit<Update> = (update: Update) => Promise<void>

const buffered = 64

/**
 * Turns work that tells of itself as it goes into one async generator. Leaving the generator early aborts the signal that the work was
 * given and waits until the work has let go of what it holds. The work's own error is thrown by the generator.
 */
export async function* updates<Update, Result>(
  outer: AbortSignal,
  work: (emit: Emit<Update>, signal: AbortSignal) => Promise<Result>,
): AsyncGenerator<Update, Result> {
  const controller = new AbortController()
  const signal = AbortSignal.any([outer, controller.signal])
  const queue: Update[] = []
  let awaken = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  let finished = false

  const emit: Emit<Update> = (update) => {
    queue.push(update)
    awaken.resolve()
    return queue.length < buffered ? Promise.resolve() : room.promise
  }
  const working = work(emit, signal).finally(() => {
    finished = true
    awaken.resolve()
  })
  // Observed below; without this an error that comes while the reader is busy would count as unhandled.
  working.catch(() => {})

  try {
    for (;;) {
      const next = queue.shift()
      if (next !== undefined) {
        yield next
        continue
      }
      room.resolve()
      room = Promise.withResolvers<void>()
      if (finished) return await working
      await awaken.promise
      awaken = Promise.withResolvers<void>()
    }
  } finally {
    controller.abort()
    room.resolve()
    queue.length = 0
    await working.catch(() => {})
  }
}
