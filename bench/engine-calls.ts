import { homedir } from 'node:os'
import { openEngine } from '../packages/docker-engine/dist/index.js'
import { openSshHost } from '../packages/ssh/dist/index.js'

/** The calls of `docker ps` over one login: ADDRESS USER KEY FINGERPRINT SOCKET NUMBER in-turn|at-once. */
const [address = '', username = '', key = '', acceptHostKey = '', socket = '', number = '', order = ''] = process.argv.slice(2)
const { signal } = new AbortController()
await using host = await openSshHost({
  destination: { address, username, keyFiles: [key] },
  stateDirectory: homedir(),
  secret: async () => undefined,
  ask: async () => '',
  log: { debug() {}, info() {}, warn() {} },
  acceptHostKey,
  signal,
})
await using engine = await openEngine({ host, address: socket }, { signal })
if (order === 'at-once') await Promise.all(Array.from({ length: Number(number) }, () => engine.docker.listContainers()))
else for (let call = 0; call < Number(number); call++) await engine.docker.listContainers()
