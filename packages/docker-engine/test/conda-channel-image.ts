import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Readable } from 'node:stream'
import { makeCondaChannel } from '@errand/testkit/servers'
import { tarOf } from '../src/tar.ts'
import type { ImagesFixture } from './images-fixture.ts'

/** A base image with a conda channel in `/channel`, and the Python that the channel has. */
export async function channelImage({ engine, server }: ImagesFixture): Promise<{ readonly name: string; readonly python: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-channel-'))
  const { python } = makeCondaChannel(folder, ['/usr'])
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const files = paths.map(({ parentPath, name }) => join(parentPath, name))
  const context = tarOf([
    { path: 'Dockerfile', content: `FROM ${await server.image('python')}\nCOPY channel /channel\n` },
    ...files.map((file) => ({ path: `channel/${relative(folder, file)}`, content: readFileSync(file) })),
  ])
  const name = `with-channel-${process.pid}:1`
  const answer = (await engine.docker.buildImage(context, { t: name })) as Readable
  await answer.resume().toArray()
  rmSync(folder, { recursive: true })
  return { name, python }
}
