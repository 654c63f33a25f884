import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { json, program } from './acceptance.ts'
import { type Finished, type Project, makeProject, scriptOutput, until } from './errand.ts'

/** Secrets for scripts: they come to the run by name, and are in no file and on no screen. */

/** Contents below a folder by path, each path relative to it. */
function filesIn(folder: string): Map<string, Buffer> {
  if (!existsSync(folder)) return new Map()
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(entries.map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name))]))
}

describe('secret variables', () => {
  const canary = ['canary', 'with blank/and"quote', '4711'].join('-')

  function set(project: Project, ...words: readonly string[]): Promise<Finished> {
    const child = spawn(process.execPath, [program, 'secret', 'set', ...words], {
      cwd: project.directory,
      env: project.environment,
      stdio: 'pipe',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdin.end(`${canary}\n`)
    return new Promise((resolve) => child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr })))
  }

  /** As it is, and as encoders write it. */
  const forms = [canary, Buffer.from(canary).toString('base64'), encodeURIComponent(canary), JSON.stringify(canary).slice(1, -1)]
  const leaks = (folder: string, searched: readonly string[]) =>
    [...filesIn(folder)].filter(([, content]) => searched.some((form) => content.includes(form))).map(([path]) => path)

  it('come to the script by name, and to no file and no screen', async () => {
    using project = makeProject({
      'train.py': `
import base64, json, os, sys, time
from azureml.logging import get_azureml_logger
secret = os.environ["TOKEN"]
print("length", len(secret))
print("plain", secret, "json", json.dumps(secret))
for letter in secret:
    sys.stdout.write(letter)
    sys.stdout.flush()
sys.stderr.write("aside " + base64.b64encode(secret.encode()).decode() + "\\n")
print("up", flush=True)
end = time.time() + 600
while not os.path.exists(sys.argv[1]) and time.time() < end:
    time.sleep(0.02)
get_azureml_logger().log("token", secret)
get_azureml_logger().log("length", len(secret))
raise ValueError("refused: " + secret)
`,
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nSecretEnvironmentVariables: [TOKEN]\n',
    })
    const answer = await set(project, 'TOKEN')
    expect(answer).toMatchObject({ exitCode: 0, stderr: '' })
    const kept = join(project.directory, '../config/secrets.json')
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    expect(json(await project.errand('secret', 'list', '-o', 'json'))).toEqual([{ name: 'TOKEN', target: null, source: 'file' }])

    const go = join(project.directory, '../go')
    const submitted = project.start('submit', '--debug', '-c', 'local', 'train.py', go)
    await until(async () => (await project.errand('logs', 'last')).stdout.includes('up\n'), 'the script to print it')
    expect(leaks(join(project.directory, '.errand'), forms)).toEqual([])
    // Encoded forms are replaced on the way here; until the run is removed they are where the script has put them.
    expect(leaks(project.home, [canary])).toEqual([])
    writeFileSync(go, '')
    const finished = await submitted.finished
    expect(finished.exitCode).toBe(1)
    expect(scriptOutput(finished)).toBe(`length ${canary.length}\nplain *** json "***"\n***up\n`)
    expect(finished.stderr).toContain('aside ***\n')
    expect(finished.stderr).toContain('ValueError: refused: ***')
    const shown = [
      answer,
      finished,
      await project.errand('history', 'last'),
      await project.errand('logs', 'last'),
      await project.errand('status', 'last', '--debug'),
    ]
    for (const { stdout, stderr } of shown) for (const form of forms) expect(stdout + stderr).not.toContain(form)
    expect(json(await project.errand('history', 'last', '-o', 'json'))).toMatchObject({
      token: '***',
      length: canary.length,
      run_definition: { secretVariables: ['TOKEN'] },
    })
    for (const folder of [join(project.directory, '.errand'), project.home]) expect(leaks(folder, forms)).toEqual([])

    expect((await project.errand('secret', 'delete', 'TOKEN')).exitCode).toBe(0)
    expect(readFileSync(kept, 'utf8')).not.toContain('canary')
    const without = await project.errand('submit', '-c', 'local', 'train.py')
    expect(without.exitCode).toBe(1)
    expect(without.stderr).toMatch(/^ERROR: .*TOKEN.*\n.*errand secret set TOKEN/)
  })

  it('of one target are for that target, and a variable of the environment comes first', async () => {
    using project = makeProject({
      'train.py': 'import os\nprint(len(os.environ["TOKEN"]))\n',
      'aml_config/other.compute': 'type: local\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nSecretEnvironmentVariables: [TOKEN]\n',
    })
    expect((await set(project, 'TOKEN', '--target', 'other')).exitCode).toBe(0)
    expect((await project.errand('submit', '-c', 'local', 'train.py')).exitCode).toBe(1)
    expect(scriptOutput(await project.errand('submit', '-c', 'local', '-t', 'other', 'train.py'))).toBe(`${canary.length}\n`)
    project.environment['ERRAND_SECRET_TOKEN'] = 'from the environment'
    expect(scriptOutput(await project.errand('submit', '-c', 'local', 'train.py'))).toBe('20\n')
  })
})
