import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { JsonValue, Prepared, RunReference, RunRequest, TargetDefinition } from '@errand/core'
import { createTestContext } from './context.ts'
import type { TestContextOptions } from './context.ts'

/** What another process is told: everything that it needs for a submit of its own. */
export interface SubmitElsewhere {
  /** Address of the module whose default export is the definition. */
  readonly module: string
  readonly context: Omit<TestContextOptions<JsonValue>, 'host' | 'onLog'>
  readonly request: RunRequest
  readonly prepared: Prepared
}

/** Submits from several processes of this machine, which begin together once all of them have loaded the target. */
export async function submitFromProcesses(count: number, given: SubmitElsewhere, signal: AbortSignal): Promise<RunReference[]> {
  // Built, this module is beside others that end in .js.
  const program = `import { submitAsTold } from ${JSON.stringify(import.meta.url)}\nawait submitAsTold()\n`
  const processes = Array.from({ length: count }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { signal, stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ended = once(child, 'close') as Promise<[number | null]>
    // One that is given up has nobody left to tell.
    ended.catch(() => {})
    // On standard input: what stands in a command line can be read by every user of the machine.
    child.stdin.write(`${JSON.stringify(given)}\n`)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next()
      if (done !== true) return value
      const [exitCode] = await ended
      throw new Error(`The process that was to submit ended with ${exitCode}: ${said.trim()}`)
    }
    return { child, ended, next }
  })
  try {
    await Promise.all(processes.map(({ next }) => next()))
  } catch (error) {
    for (const { child } of processes) child.kill()
    throw error
  }
  for (const { child } of processes) child.stdin.end('submit\n')
  return Promise.all(
    processes.map(async ({ next, ended }) => {
      const reference: unknown = JSON.parse(await next())
      await ended
      return reference as RunReference
    }),
  )
}

/** The other side: reads what to submit, says that it is ready, waits to be told, prints the reference. */
export async function submitAsTold(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { module, context, request, prepared } = JSON.parse((await lines.next()).value ?? '') as SubmitElsewhere
  const { default: definition } = (await import(module)) as { default: TargetDefinition<JsonValue> }
  const checked = await definition.config['~standard'].validate(context.config)
  if (checked.issues !== undefined) throw new Error(checked.issues.map(({ message }) => message).join('; '))
  const { createTarget } = await definition.load()
  await using target = await createTarget(createTestContext({ ...context, config: checked.value }))
  console.log('ready')
  await lines.next()
  const reference = await target.submit(request, prepared, { signal: new AbortController().signal, report() {} })
  console.log(JSON.stringify(reference))
}
