import type { Agent } from './agent.ts'
import type { Answer } from './connection.ts'

export interface ReadParameters {
  readonly [name: string]: unknown
  /** Offset behind the last log record, and behind the last line of metrics. */
  readonly log: number
  readonly metrics: number
  /** Bytes that all parts together may have. */
  readonly limit: number
  /** Seconds. */
  readonly wait: number
}

/**
 * One read whose answer comes in parts, each as soon as there is something to tell: on a long way, nobody has to ask anew for every line.
 * The call goes out at once. Fails with the connection, behind the parts that had arrived.
 */
export function readParts(agent: Agent, parameters: ReadParameters, signal: AbortSignal): AsyncIterable<Answer> {
  const arrived: Answer[] = []
  let news = Promise.withResolvers<void>()
  let ended = false
  let failure: unknown
  const part = (answer: Answer) => {
    arrived.push(answer)
    news.resolve()
  }
  agent
    .call('read', { ...parameters, parts: true }, { signal, part })
    .then(part, (error: unknown) => (failure = error))
    .finally(() => {
      ended = true
      news.resolve()
    })
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        for (let next = arrived.shift(); next !== undefined; next = arrived.shift()) yield next
        if (failure !== undefined) throw failure
        if (ended) return
        await news.promise
        news = Promise.withResolvers<void>()
      }
    },
  }
}
