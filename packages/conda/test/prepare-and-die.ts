import { localHost } from '@errand/core'
import { type WantedEnvironment, prepareEnvironment } from '@errand/conda'

/** A client of its own process, to be killed by a test. */
const wanted = JSON.parse(process.argv[2] ?? '') as WantedEnvironment
await prepareEnvironment(localHost(), wanted, { signal: new AbortController().signal, report: () => {}, build: true })
