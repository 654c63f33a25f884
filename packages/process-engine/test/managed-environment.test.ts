import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallOptions, Environment, Leftover, RunRequest, Target } from '@errand/core'
import { localHost } from '@errand/core'
import { createTestContext, createTestRequest } from '@errand/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createProcessTarget } from '../src/index.ts'

const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

let folder: string
let target: Target
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-managed-'))
  mkdirSync(join(folder, 'project'))
  const conda = join(folder, 'conda')
  copyFileSync(join(import.meta.dirname, 'conda-stand-in.sh'), conda)
  chmodSync(conda, 0o755)
  const context = createTestContext({ config: {}, directory: folder, project: { name: 'managed', id: 'managed' } })
  const home = join(folder, 'home')
  target = createProcessTarget(context, { host: localHost(), pythons: ['python3'], home, provider: 'conda', programs: { conda } })
})
afterEach(async () => {
  for (const name of ['PYTHONPATH', 'SPARK_HOME']) delete process.env[name]
  await target[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

function environmentOf(conda: readonly string[], variables: Readonly<Record<string, string>> = {}): Environment {
  const canonical = { channels: ['conda-forge'], conda, pip: [], pipOptions: [], variables }
  return { kind: 'conda', file: 'aml_config/conda_dependencies.yml', text: '', canonical, localFiles: [] }
}

const project = { name: 'managed', id: 'managed' }

const requestOf = (environment: Environment, script: string, framework: RunRequest['framework'] = 'python'): Promise<RunRequest> =>
  createTestRequest({ directory: folder, project, files: { 'main.py': script } }, { environment, framework })

async function outputOf(request: RunRequest): Promise<string> {
  const reference = await target.submit(request, await target.prepare(request, { ...options, build: true }), options)
  await using handle = await target.attach(reference, options)
  const chunks: Uint8Array[] = []
  for await (const event of handle.events(options)) if (event.type === 'log' && event.stream === 'stdout') chunks.push(event.data)
  return Buffer.concat(chunks).toString()
}

async function leftoversOf(kind: Leftover['kind']): Promise<readonly Leftover[]> {
  const found: Leftover[] = []
  for await (const leftover of target.leftovers(options)) if (leftover.kind === kind) found.push(leftover)
  return found
}

describe('a run in an environment that is made for it', () => {
  const showing = `import os, sys
print(sys.prefix == os.environ['CONDA_PREFIX'] == os.environ['AZUREML_CONDA_ENVIRONMENT_PATH'])
print(os.environ['PATH'].split(':')[0] == sys.prefix + '/bin', '/nowhere' in sys.path, os.environ['GREETING'])
`

  it("has the environment's Python, its variables, and nothing of the shell's own modules", async () => {
    process.env['PYTHONPATH'] = '/nowhere'
    expect(await outputOf(await requestOf(environmentOf(['python'], { GREETING: 'hello' }), showing))).toBe('True\nTrue False hello\n')
  })

  it('is refused while the environment is not there, and the plan names what changed', async () => {
    const request = await requestOf(environmentOf(['python']), 'pass')
    await expect(target.prepare(request, { ...options, build: false })).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_PREPARED' })
    const first = await target.prepare(request, { ...options, build: true })
    expect(first.lock).toMatchObject({ provider: 'conda 24.1.0', packages: [{ name: 'python', build: 'h0_0' }] })
    expect(await target.prepare(request, { ...options, build: false })).toEqual(first)
    expect(await target.plan(request, options)).toMatchObject({ environment: { key: first.environmentKey, ready: true } })
    const edited = await requestOf(environmentOf(['python', 'six']), 'pass')
    const plan = await target.plan(edited, options)
    expect(plan.environment).toMatchObject({ ready: false, changed: [{ input: 'conda: six', after: 'six' }] })
    expect(plan.steps[0]).toContain('create --yes --prefix')
    expect(plan.steps.at(-1)).toMatch(/environment\/bin\/python main\.py$/)
  })

  it('is started by the Spark of the environment, whatever Spark the shell has', async () => {
    process.env['SPARK_HOME'] = '/nowhere/spark'
    const script =
      'import os, pyspark, sys\nprint(os.environ["SPARK_HOME"] == os.path.dirname(pyspark.__file__), os.environ["SPARK_STARTED"][:12])\n'
    const request = await requestOf(environmentOf(['python', 'pyspark']), script, 'pyspark')
    const output = await outputOf({ ...request, spark: { configuration: { 'a.b': 'c' }, repositories: [], packages: [] } })
    expect(output).toBe('True --conf a.b=c\n')
  })

  it("shows the installer's own lines when the environment can't be made, and leaves nothing that runs", async () => {
    const failed = target.prepare(await requestOf(environmentOf(['python', 'broken']), 'pass'), { ...options, build: true })
    await expect(failed).rejects.toMatchObject({
      code: 'ENVIRONMENT_FAILED',
      message: expect.stringContaining('nothing provides requested broken') as string,
      hint: expect.stringContaining('No channel has broken') as string,
    })
  })

  it('leaves environments with size and last use, which are removed by their ids', async () => {
    await target.prepare(await requestOf(environmentOf(['python']), 'pass'), { ...options, build: true })
    const [environment, ...more] = await leftoversOf('environment')
    expect(more).toEqual([])
    expect(environment).toMatchObject({ id: expect.stringMatching(/^environment:[0-9a-f]{24}$/) as string, inUse: false })
    expect(environment?.bytes).toBeGreaterThan(1000)
    await target.removeLeftover(environment?.id ?? '', options)
    await target.removeLeftover(environment?.id ?? '', options)
    expect(await leftoversOf('environment')).toEqual([])
  })
})
