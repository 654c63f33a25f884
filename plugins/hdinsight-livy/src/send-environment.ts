import { Readable } from 'node:stream'
import { type PreparedEnvironment, environmentArchive } from '@errand/conda'
import type { CallOptions, Host } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { writeWhole } from './stored-run.ts'

interface Sending {
  readonly host: Host
  /** What was made there. */
  readonly made: PreparedEnvironment
  /** Path in the storage. */
  readonly to: string
}

/** Packs an environment and puts it to the storage, where it appears whole under its name; what was half sent stays aside. */
export async function sendEnvironment(storage: Cluster['storage'], { host, made, to }: Sending, options: CallOptions): Promise<void> {
  const message = 'packing the environment and sending it to the storage'
  options.report({ message })
  async function* counted(): AsyncGenerator<Buffer> {
    let [done, told] = [0, 0]
    for await (const chunk of environmentArchive(host, made, options) as AsyncIterable<Buffer>) {
      done += chunk.length
      if (done - told > 1_000_000) options.report({ message, done: (told = done), unit: 'bytes' })
      yield chunk
    }
  }
  await writeWhole(storage, to, () => Readable.from(counted(), { objectMode: false }), options)
}
