import { createServer, type Server } from 'node:net'
import { expect, it } from 'vitest'
import { temporaryProject } from './project.ts'

/** A port that accepts and never speaks. */
async function mute(): Promise<{ readonly port: number } & Disposable> {
  const server: Server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it has a port')
  return { port: address.port, [Symbol.dispose]: () => server.close() }
}

it.each([[[]], [['--dry-run']]])('submit %j shows that it waits for a place that never answers', async (options) => {
  using place = await mute()
  using project = temporaryProject({
    'aml_config/mute.compute': `type: remote\naddress: 127.0.0.1:${place.port}\nusername: ann\npassword: secret\nuserManagedEnvironment: true\n`,
    'aml_config/mute.runconfig': 'Target: mute\nFramework: Python\nArgumentVector: [$file]\nPrepareEnvironment: true\n',
    'train.py': 'print("trained")\n',
  })
  const shown = await project.inTerminal({ after: 'reaching mute', typed: '\u0003' }, 'submit', '-c', 'mute', ...options, 'train.py')
  expect(shown).toMatchObject({ exitCode: 130, stdout: expect.stringContaining('reaching mute') })
})
