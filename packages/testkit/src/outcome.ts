import type { CallOptions, Finding, RunEvent, RunReference, Target } from '@errand/core'

const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** The standard output of a run and its last state. `onEvent` is told each event and the bytes of output so far. */
export async function outputOf(
  target: Target,
  reference: RunReference,
  onEvent: (event: RunEvent, bytes: number) => void = () => {},
): Promise<{ readonly text: string; readonly state: string }> {
  await using handle = await target.attach(reference, options)
  const chunks: Uint8Array[] = []
  let bytes = 0
  let state = ''
  for await (const event of handle.events(options)) {
    if (event.type === 'log' && event.stream === 'stdout') chunks.push(event.data)
    if (event.type === 'log') bytes += event.data.length
    if (event.type === 'status') state = event.status.state
    onEvent(event, bytes)
  }
  return { text: Buffer.concat(chunks).toString(), state }
}

/** All that a target finds of its place. */
export async function findingsOf(target: Target): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for await (const finding of target.check(options)) found.push(finding)
  return found
}
