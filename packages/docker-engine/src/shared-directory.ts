import { mkdir } from 'node:fs/promises'
import { type CallOptions, ErrandError, type Host, errorMessage } from '@errand/core'
import type { ContainerSettings } from './container-settings.ts'
import type { Engine } from './engine.ts'

/** The shared folder on the engine's machine, made when it is missing; undefined without one. Error: `SHARE_NOT_MADE`. */
export async function sharedDirectory(
  { host, address }: Engine,
  { sharedVolumes, nativeSharedDirectory, local }: ContainerSettings & { readonly local: boolean },
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<string | undefined> {
  if (sharedVolumes !== true || nativeSharedDirectory === undefined) return undefined
  const path = absolute(host, nativeSharedDirectory)
  // An engine at another address than its machine's own socket makes the folder itself, for root.
  if (!('path' in address.to)) return path
  const problem = local ? await makeHere(path) : await makeThere(host, path, signal)
  if (problem === undefined) return path
  throw new ErrandError(
    'SHARE_NOT_MADE',
    `The shared folder ${path} (nativeSharedDirectory) could not be made on ${host.name}: ${problem}`,
    {
      hint: 'Make it by hand, or name another folder: nativeSharedDirectory in the .compute file.',
    },
  )
}

/** On Windows, where there is no `mkdir -p`, as anywhere. */
function makeHere(path: string): Promise<string | undefined> {
  return mkdir(path, { recursive: true }).then(() => undefined, errorMessage)
}

async function makeThere(host: Host, path: string, signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stderr } = await host.run(['mkdir', '-p', path], { signal })
  return exitCode === 0 ? undefined : stderr.toString('utf8').trim()
}

function absolute(host: Host, path: string): string {
  const inHome = path.replace(/^~(?=\/|$)/, host.home)
  if (inHome.startsWith('/') || /^[A-Za-z]:[\\/]/.test(inHome)) return inHome
  throw new ErrandError('SHARE_NOT_MADE', `nativeSharedDirectory: ${path} is no folder of ${host.name}.`, {
    hint: 'Write the whole path, or one that begins with ~/.',
  })
}
