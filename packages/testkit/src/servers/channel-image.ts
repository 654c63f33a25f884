import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCondaChannel } from './conda-channel.ts'
import type { DockerEngine } from './docker-engine.ts'
import { engineRequest } from './engine-api.ts'

/** An image with Python and a conda channel of this machine's packages in it: a solver there needs no public channel. */
export interface ChannelImage {
  readonly name: string
  /** Address of the channel in the image. */
  readonly channel: string
  /** The Python that the channel has, `3.11`. */
  readonly python: string
}

/** Makes the image under the name, which a test has for itself. */
export async function makeChannelImage(engine: DockerEngine, name: string): Promise<ChannelImage> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-channel-'))
  try {
    mkdirSync(join(folder, 'channel'))
    const { python } = makeCondaChannel(join(folder, 'channel'), ['/usr'])
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${await engine.image('python')}\nCOPY channel /channel\n`)
    const tar = spawn('tar', ['--create', '--directory', folder, '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const answer = await engineRequest(engine.socket, 'POST', `/build?rm=1&t=${encodeURIComponent(name)}`, tar.stdout)
    if (!answer.includes('Successfully tagged')) throw new Error(`${name} could not be made: ${answer}`)
    return { name, channel: 'file:///channel', python }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
