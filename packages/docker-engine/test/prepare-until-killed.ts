import { Readable } from 'node:stream'
import { localHost } from '@errand/core'
import { type WantedImage, openEngine, prepareImage } from '@errand/docker-engine'

/** Arguments: the engine's socket, what is wanted as JSON. Its parent kills it while it builds. */
const [socket = '', wanted = ''] = process.argv.slice(2)
const options = { signal: new AbortController().signal, report: () => {}, build: true, openObject: () => Readable.from([]) }
const engine = await openEngine({ host: localHost(), address: socket }, options)
await prepareImage(engine, { ...(JSON.parse(wanted) as WantedImage), client: localHost() }, options)
