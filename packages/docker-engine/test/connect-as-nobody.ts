import { setegid, seteuid, setgroups } from 'node:process'
import { localHost } from '@errand/core'
import { openEngine } from '@errand/docker-engine'

/** Argument: an engine's socket. Prints the error that an account without rights gets. */
setgroups?.([])
setegid?.(65_534)
seteuid?.(65_534)
await openEngine({ host: localHost(), address: process.argv[2] ?? '' }, { signal: new AbortController().signal }).catch(
  (error: { code: string; message: string; hint: string }) => {
    process.stdout.write(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }))
    return undefined
  },
)
