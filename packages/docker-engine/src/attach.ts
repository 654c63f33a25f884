import type Docker from 'dockerode'
import type { Duplex } from 'node:stream'
import type { Engine } from './engine.ts'

/**
 * The streams of a container, before its start. Without dockerode's own `attach`, which sends its options as the request's body too: Podman
 * hands that to the container's program as its first input.
 */
export function attachTo(
  { docker }: Engine,
  { id }: Docker.Container,
  streams: readonly ('stdin' | 'stdout' | 'stderr')[],
): Promise<Duplex> {
  const query = ['stream', ...streams].map((name) => `${name}=1&`).join('')
  const request = {
    path: `/containers/${id}/attach?${query}`,
    method: 'POST',
    // No body: without one docker-modem announces pieces of it.
    file: Buffer.alloc(0),
    isStream: true,
    hijack: true,
    openStdin: true,
    statusCodes: { 101: true, 200: true, 400: 'bad parameter', 404: 'no such container', 409: 'conflict', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: Error | null, stream: unknown) => (error === null ? resolve(stream as Duplex) : reject(error)))
  })
}
