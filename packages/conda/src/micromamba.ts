import { createHash } from 'node:crypto'
import { ErrandError, type Host, errorMessage } from '@errand/core'

export interface MicromambaPin {
  readonly version: string
  readonly url: string
  /** `sha256:…` of the program. */
  readonly digest: string
}

const release = '2.8.1'
const address = `https://github.com/mamba-org/micromamba-releases/releases/download/${release}-0`

/**
 * The program that is brought where a place has nothing to make an environment with, by conda's name of the platform. Several public repositories
 * that have nothing to do with each other pin both files of this release by these digests.
 */
export const micromambaPins: Readonly<Record<string, MicromambaPin>> = {
  'linux-64': {
    version: release,
    url: `${address}/micromamba-linux-64`,
    digest: 'sha256:9689782d863c05a1bf5d2d371ba527104e7a4eb4310c1637d8653b751aed9c82',
  },
  'linux-aarch64': {
    version: release,
    url: `${address}/micromamba-linux-aarch64`,
    digest: 'sha256:e5ba23b5945aa49dfd11022e592a510d2686a8feee810e00140b73c9fdf0ba2a',
  },
}

/** Where our own micromamba is at a place. */
export const micromambaProgram = (home: string): string => `${home}/tools/micromamba-${release}/bin/micromamba`

export type Download = (url: string, options: { readonly signal: AbortSignal }) => Promise<Response>

/**
 * Fetches the pinned micromamba on this machine, checks it, and puts it at the place, which needs no way out of its own.
 * Errors: `DOWNLOAD_FAILED`, `DOWNLOAD_CORRUPT`.
 */
export async function bringMicromamba(
  host: Host,
  home: string,
  pin: MicromambaPin,
  signal: AbortSignal,
  download: Download = fetch,
): Promise<void> {
  await host.writeFile(micromambaProgram(home), await fetchMicromamba(pin, signal, download), { mode: 0o755 })
}

/** The checked program. Errors: `DOWNLOAD_FAILED`, `DOWNLOAD_CORRUPT`. */
export async function fetchMicromamba(pin: MicromambaPin, signal: AbortSignal, download: Download = fetch): Promise<Buffer> {
  const bytes = await fetchBytes(pin.url, signal, download)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  if (digest !== pin.digest)
    throw new ErrandError(
      'DOWNLOAD_CORRUPT',
      `${pin.url} is not the file it should be: its digest is ${digest}, wanted is ${pin.digest}.`,
      {
        hint: 'Something between this machine and GitHub changes files. Install micromamba by hand and set its path.',
      },
    )
  return bytes
}

async function fetchBytes(url: string, signal: AbortSignal, download: Download): Promise<Buffer> {
  try {
    const response = await download(url, { signal })
    if (!response.ok) throw new Error(`the server answers ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  } catch (cause) {
    signal.throwIfAborted()
    throw new ErrandError('DOWNLOAD_FAILED', `micromamba could not be fetched from ${url}: ${errorMessage(cause)}.`, {
      hint: 'Install micromamba, conda or Python 3.10 or newer at the place; then nothing has to be fetched from GitHub.',
      cause,
    })
  }
}
