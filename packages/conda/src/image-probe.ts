import { ErrandError } from '@errand/core'
import { type PlaceFacts, builderCommand, builderSources } from './place.ts'

/** A command and its input: run in a container of an image, it prints what `readImageProbe` reads. */
export function imageProbe(python = 'python3'): { readonly command: readonly string[]; readonly input: string } {
  const request = { kind: 'probe', home: '/opt/errand', named: {}, remember: false }
  return { command: builderCommand(python), input: `${builderSources()}\n${JSON.stringify(request)}\n` }
}

/** What the image has. Error: `IMAGE_PROBE_FAILED`. */
export function readImageProbe(stdout: string): PlaceFacts {
  const reply = stdout.trim().split('\n').at(-1) ?? ''
  if (!reply.startsWith('{"answer":'))
    throw new ErrandError('IMAGE_PROBE_FAILED', `The image did not say what it has: ${reply.slice(0, 200) || 'nothing came'}.`)
  return (JSON.parse(reply) as { readonly answer: PlaceFacts }).answer
}

/** Of an image without Python. `platform` as conda names it. */
export function bareImage(platform: string): PlaceFacts {
  return { platform, hostname: 'the image', python: { path: 'python3', version: '0' }, programs: {}, pythons: [] }
}
