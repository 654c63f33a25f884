import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { duration, json, showArguments, time } from './acceptance.ts'
import { type Finished, type Project, makeProject, startProcess, until } from './errand.ts'

/** Scripts and clients of the original, word for word, with the `az` that `errand shim az` writes in their PATH. */

interface WithAz extends Disposable {
  readonly project: Project
  /** Folder of the shim. */
  readonly folder: string
  sh(script: string, path?: string): Promise<Finished>
  run(command: string, ...parameters: readonly string[]): Promise<Finished>
}

async function makeProjectWithAz(files: Readonly<Record<string, string>>): Promise<WithAz> {
  const project = makeProject(files)
  const folder = join(project.directory, '..', 'with blank')
  expect(await project.errand('shim', 'az', '--into', folder)).toMatchObject({ exitCode: 0, stderr: '' })
  const inherited = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => !existsSync(join(directory, 'az')))
  const environment = (path?: string) => ({ ...project.environment, PATH: [folder, path ?? '', ...inherited].join(delimiter) })
  return {
    project,
    folder,
    sh: (script, path) => startProcess('sh', ['-c', script], project.directory, environment(path)).finished,
    run: (command, ...parameters) => startProcess(command, parameters, project.directory, environment()).finished,
    [Symbol.dispose]: () => project[Symbol.dispose](),
  }
}

const metric = `${showArguments}from azureml.logging import get_azureml_logger
get_azureml_logger().log("Accuracy", 1 - float(sys.argv[1]))
open("outputs/model.txt", "w").write("a model")
`

/** As in the documentation of the time: a loop of os.system, then the best run by a query. */
const sweep = `
import json, os, subprocess
for reg in (0.5, 0.1, 0.9):
    assert os.system('az ml experiment submit -c local ./train.py {}'.format(reg)) == 0
best = subprocess.check_output(['az', 'ml', 'history', 'list', '-o', 'json', '--query', '[?Accuracy != null] | max_by(@, &Accuracy)'])
print('best', json.loads(best.decode())['Accuracy'])
`

/** What batch files did with \`for /f\`, in a shell: the second word of the line with RunId, the third of that with "state : ". */
const batch = `
set -e
run=$(az ml experiment submit -a -c local train.py 0.25 | grep RunId | head -1 | cut -d' ' -f2)
while :; do
  state=$(az ml experiment status -r "$run" -t local | grep 'state : ' | cut -d' ' -f3)
  case $state in Completed | Failed | Canceled) break ;; esac
  sleep 1
done
echo "$run is $state"
az ml history info -r "$run" --artifact outputs/model.txt
`

describe('with az of errand', () => {
  it('a Python sweep runs unchanged', async () => {
    using made = await makeProjectWithAz({ 'train.py': metric, 'sweep.py': sweep })
    const finished = await made.run('python3', 'sweep.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(finished.stdout.match(/^RunId: /gm)).toHaveLength(6)
    expect(finished.stdout).toMatch(/^best 0\.9$/m)
  })

  it('a batch file that cuts RunId and state out of the output runs unchanged', async () => {
    using made = await makeProjectWithAz({ 'train.py': metric })
    const finished = await made.sh(batch)
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(finished.stdout).toMatch(/^project_\d{13} is Completed\na model$/)
  })

  it('the client of the acceptance list runs unchanged', async () => {
    using made = await makeProjectWithAz({ 'rel/script.py': metric, 'long.py': 'import time\nprint("up", flush=True)\ntime.sleep(600)\n' })
    const client = (line: string) => made.sh(`az ml ${line}`)
    const submitted = await client('experiment submit -c "local" "rel/script.py" 0.5')
    const id = submitted.stdout.split('\n')[0]?.split(' ')[1] ?? ''
    expect(json(await client('history list -o json'))).toMatchObject([
      {
        run_id: id,
        status: 'Completed',
        script_name: 'rel/script.py',
        created_utc: expect.stringMatching(time),
        duration: expect.stringMatching(duration),
      },
    ])
    const record = json(await client(`history info -r "${id}" -o json`))
    expect(record.attachments.split(',').map((name: string) => name.trim())).toContain('outputs/model.txt')
    expect((await client(`history info -r "${id}" --artifact "outputs/model.txt"`)).stdout).toBe('a model')
    expect(await client(`history download --overwrite -r "${id}" -d artifacts/${id}`)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readFileSync(join(made.project.directory, `artifacts/${id}/outputs/model.txt`), 'utf8')).toBe('a model')
    expect(json(await client('computetarget list -o json'))).toEqual(['local'])
    expect(json(await client('runconfiguration list -o json'))).toEqual(['local'])
    expect(await client('runconfiguration create -n X -t local')).toMatchObject({ exitCode: 0 })
    expect(await client('runconfiguration delete -n X -o json')).toMatchObject({ exitCode: 0 })
    const running = (await client('experiment submit -a -c local long.py')).stdout.split('\n')[0]?.split(' ')[1] ?? ''
    await until(async () => (await made.project.errand('logs', running)).stdout === 'up\n', 'the script to start')
    expect(await client(`experiment cancel -r "${running}" -t "local"`)).toMatchObject({ exitCode: 0 })
    const failed = await client('history info -r nobody -o json')
    expect(failed).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^ERROR:.*/) })
  })

  it('everything else goes to the real az with its arguments and exit code, past other ones of errand', async () => {
    using made = await makeProjectWithAz({})
    const real = join(made.project.directory, '../real')
    const second = join(made.project.directory, '../second')
    mkdirSync(real)
    writeFileSync(join(real, 'az'), '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\nexit 7\n')
    chmodSync(join(real, 'az'), 0o755)
    await made.project.errand('shim', 'az', '--into', second)
    const path = [second, real].join(delimiter)
    for (const words of ['login', 'ml model list', 'ml', '--version', 'vm list --name "two words"']) {
      const finished = await made.sh(`az ${words}`, path)
      expect(finished).toMatchObject({ exitCode: 7, stderr: '' })
    }
    expect((await made.sh('az vm list --name "two words" ""', path)).stdout).toBe('[vm]\n[list]\n[--name]\n[two words]\n[]\n')
  })

  it('without a real az says that it is for one', async () => {
    using made = await makeProjectWithAz({})
    const finished = await made.sh('az ml model list')
    expect(finished).toMatchObject({ exitCode: 1, stdout: '' })
    expect(finished.stderr).toMatch(/^ERROR: "az ml model list" is for the real az, and there is none in the PATH\.\n/)
  })
})

describe('errand shim az', () => {
  it('replaces its own az and no other, and says when the folder is not first in the PATH', async () => {
    using project = makeProject({ 'bin/az': 'mine\n' })
    const refused = await project.errand('shim', 'az', '--into', 'bin')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^ERROR: .*bin\/az is already there/) })
    expect(readFileSync(join(project.directory, 'bin/az'), 'utf8')).toBe('mine\n')
    expect(await project.errand('shim', 'az', '--into', 'bin', '--overwrite')).toMatchObject({ exitCode: 0 })
    const again = await project.errand('shim', 'az', '--into', 'bin')
    expect(again.stdout).toContain(`export PATH="${join(project.directory, 'bin')}:$PATH"`)
    const asData = await project.errand('shim', 'az', '--into', 'bin', '-o', 'json')
    expect(json(asData)).toMatchObject({ first_in_path: false })
  })
})
