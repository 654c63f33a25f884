import { Readable } from 'node:stream'
import { localHost } from '@errand/core'
import { openEngine, prepareImage } from '@errand/docker-engine'

/** Arguments: the engine's socket, an image, a folder. Its parent kills it while it pulls. */
const [socket = '', baseImage = '', directory = ''] = process.argv.slice(2)
const options = { signal: new AbortController().signal, report: () => {}, build: true, openObject: () => Readable.from([]) }
const engine = await openEngine({ host: localHost(), address: socket }, options)
const request = {
  project: 'p',
  projectId: 'p',
  framework: 'python' as const,
  environment: { kind: 'user-managed' as const, python: '/bin/sh' },
}
await prepareImage(engine, { request, baseImage, directory, client: localHost() }, options)
