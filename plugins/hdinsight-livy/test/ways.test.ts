import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ClusterConfig } from '../src/target.ts'
import { openClient, options } from './cluster-client.ts'

const plan = async (config: Partial<ClusterConfig>, prepare: (directory: string) => void = () => {}) => {
  await using client = openClient(config)
  prepare(client.context.project.directory)
  return await client.target.plan(await client.request({ 'main.py': '' }), options)
}
const gateway = { livyUrl: 'https://127.0.0.1:9/livy', webhdfsUrl: 'https://127.0.0.1:9/webhdfs/v1' }

describe('the ways to a cluster, before anything is connected to', () => {
  it('a certificate that is not there is named with its key and its file', async () => {
    await expect(plan({ ...gateway, certificateAuthority: 'certificates/gateway.pem' })).rejects.toMatchObject({
      code: 'CERTIFICATE_UNREADABLE',
      message: expect.stringMatching(/\.compute: certificateAuthority names .*certificates.gateway\.pem, which is not there\.$/) as string,
      hint: expect.stringContaining('certificateAuthority') as string,
    })
  })

  it('so is a file that is no certificate', async () => {
    const found = plan({ ...gateway, certificateAuthority: 'gateway.pem' }, (directory) =>
      writeFileSync(join(directory, 'gateway.pem'), '<html>Log in</html>'),
    )
    await expect(found).rejects.toMatchObject({
      code: 'CERTIFICATE_UNREADABLE',
      message: expect.stringContaining('no certificate in PEM') as string,
    })
  })

  it('all that is wrong is told at once', async () => {
    const found = plan({ address: 'headnode', username: undefined, certificateAuthority: 'gateway.pem' })
    await expect(found).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/username[^]*\n[^]*certificateAuthority/) as string,
    })
    await expect(plan({ livyUrl: gateway.livyUrl, certificateAuthority: 'gateway.pem' })).rejects.toMatchObject({
      message: expect.stringMatching(/webhdfsUrl[^]*\n[^]*certificateAuthority/) as string,
    })
  })
})
