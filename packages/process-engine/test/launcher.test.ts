import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallOptions, type RunRequest, localHost } from '@errand/core'
import { createTestContext, createTestRequest } from '@errand/testkit'
import { expect, it } from 'vitest'
import { createProcessTarget } from '../src/index.ts'

const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** A scheduler's starter in small: it takes options of its own, and runs the rest of its words. */
const launcher = (request: RunRequest) => ['env', `JOB_NAME=${request.runId}`, 'nice', '-n', JSON.stringify(request.options ?? 1)]

it('is what a run is started by, and knows the request with its options', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'errand-launcher-'))
  try {
    const context = createTestContext({ config: {}, directory, project: { name: 'queue', id: 'queue' } })
    const place = { host: localHost(), pythons: ['python3'], home: join(directory, 'home') }
    const environment = { project: 'queue', projectId: 'queue', framework: 'python', environment: { kind: 'user-managed' } } as const
    const script = 'import os\nprint(os.environ["JOB_NAME"], os.nice(0))\n'
    const project = { name: environment.project, id: environment.projectId }
    const request = await createTestRequest({ directory, project, files: { 'main.py': script } }, { runId: 'queue_1', options: 7 })
    await using target = createProcessTarget(context, { ...place, launcher })
    const prepared = await target.prepare(environment, { ...options, build: true })
    await using handle = await target.attach(await target.submit(request, prepared, options), options)
    let printed = ''
    for await (const event of handle.events(options))
      if (event.type === 'log' && event.stream === 'stdout') printed += Buffer.from(event.data).toString()
    expect(printed).toBe('queue_1 7\n')
    await handle.remove(options)

    await using without = createProcessTarget(context, place)
    await expect(without.submit({ ...request, runId: 'queue_2' }, prepared, options)).rejects.toMatchObject({
      code: 'OPTIONS_NOT_SUPPORTED',
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
