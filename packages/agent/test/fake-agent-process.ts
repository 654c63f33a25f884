import { PassThrough } from 'node:stream'
import type { Exit, HostProcess } from '@errand/core'

export interface FakeAgentProcess extends HostProcess {
  readonly stdin: PassThrough
  readonly stdout: PassThrough
  readonly stderr: PassThrough
  /** What `kill` was called with. */
  readonly signals: string[]
}

/** A process that answers nothing by itself and ends when it is killed or its input ends. */
export function fakeAgentProcess(): FakeAgentProcess {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const { promise: exit, resolve } = Promise.withResolvers<Exit>()
  const signals: string[] = []
  const end = (how: Exit) => {
    stdout.end()
    stderr.end()
    stdin.destroy()
    resolve(how)
  }
  stdin.on('end', () => end({ exitCode: 0 }))
  return { stdin, stdout, stderr, exit, signals, kill: async (signal) => end({ signal: (signals.push(signal), signal) }) }
}

export const helloLine = `${JSON.stringify({ hello: { protocol: 1, python: { executable: 'python3', version: '3.8.0', prefix: '/usr' } } })}\n`
