/** A program for `keyring.sh`: uses secrets in a real keychain and prints what it saw as JSON. Its argument is a temporary folder. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../src/errors.ts'
import { openSecrets } from '../../src/secrets.ts'

const folder = process.argv[2] ?? ''
const directory = join(folder, 'project')
mkdirSync(directory, { recursive: true })
const project = { directory, id: 'p1', name: 'project' }
const environment = { ERRAND_CONFIG: join(folder, 'config') }
const withKeychain = openSecrets(project, { environment })
const withoutKeychain = openSecrets(project, { environment: { ...environment, ERRAND_KEYCHAIN: 'off' } })
const seen: Record<string, unknown> = {}

seen['in the file first'] = await withoutKeychain.set('password', 'first-välue', 'gpu')
seen['moved to the keychain'] = await withKeychain.set('password', 'secönd-value\nof two lines', 'gpu')
seen['read back'] = await withKeychain.get('password', 'gpu')
seen['another project'] = (await openSecrets({ ...project, id: 'p2' }, { environment }).get('password', 'gpu')) ?? 'nothing'
seen['no longer in the file'] = (await withoutKeychain.get('password', 'gpu')) ?? 'nothing'
seen['listed'] = await withKeychain.list()
seen['delete without the keychain'] = await withoutKeychain.delete('password', 'gpu').catch((error: unknown) => errorCode(error))
seen['newer in the file'] = await withoutKeychain.set('password', 'third-value', 'gpu')
seen['the newer one counts'] = await withKeychain.get('password', 'gpu')
seen['listed once'] = await withKeychain.list()
seen['deleted'] = await withKeychain.delete('password', 'gpu')
seen['deleted again'] = await withKeychain.delete('password', 'gpu')
seen['nothing left'] = (await withKeychain.get('password', 'gpu')) ?? 'nothing'
seen['listed at the end'] = await withKeychain.list()
process.stdout.write(JSON.stringify(seen))
