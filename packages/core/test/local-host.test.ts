import { expect, it } from 'vitest'
import { localHost } from '../src/local-host.ts'

const host = localHost()

it('ends a program that was given up while it was starting', async () => {
  const abort = new AbortController()
  const starting = host.spawn(['sleep', '600'], { signal: abort.signal })
  abort.abort()
  expect(await (await starting).exit).toEqual({ signal: 'SIGKILL' })
})

it.each(['abort', 'kill'] as const)('ends what a program left running in its group, by %s', async (way) => {
  const abort = new AbortController()
  const child = await host.spawn(['sh', '-c', 'sleep 600 & echo $$'], { signal: abort.signal })
  let text = ''
  for await (const chunk of child.stdout) if ((text += chunk.toString('utf8')).endsWith('\n')) break
  await ended(Number(text))
  if (way === 'abort') abort.abort()
  else await child.kill('SIGKILL')
  expect(await child.exit).toEqual({ exitCode: 0 })
})

/** Resolves once there is no such process any more. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
