import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runIdOf } from './project.ts'
import { type RemotePlace, errand, exampleProject, holding, startPlace } from './remote-place.ts'

const problem = sshdProblem()
const token = 'canary-token-5d0c27f4'

const script = `import os, time
assert len(os.environ['API_TOKEN']) == ${token.length}
print('ready', flush=True)
while not os.path.exists('go'): time.sleep(0.05)
print('the token is', os.environ['API_TOKEN'])
`

describe.skipIf(problem)(`secrets on a machine behind SSH${problem === undefined ? '' : ` (${problem})`}`, () => {
  let place: RemotePlace
  beforeAll(async () => {
    place = await startPlace()
  })
  afterAll(() => place[Symbol.asyncDispose]())

  it('are in the environment of the script and nowhere else: no file, no process, no log', async () => {
    using project = exampleProject('iris')
    const { password } = place.server
    const attached = await errand(project, `${place.attach} --password-stdin ${place.accept}`, password)
    project.write('wait.py', script)
    project.write('aml_config/vm.runconfig', `${project.read('aml_config/vm.runconfig')}SecretEnvironmentVariables: [API_TOKEN]\n`)
    const stored = await errand(project, 'secret set API_TOKEN', token)
    const environment = { HOME: project.parent, SSH_AUTH_SOCK: undefined }
    const client = project.startWith({ environment }, 'submit', '--debug', '-c', 'vm', 'wait.py')
    await client.says('ready\n')
    const folders = [project.directory, place.folder]
    const found = () => ({ password: holding(password, folders), token: holding(token, folders).filter((path) => !isScript(path)) })
    expect(found()).toEqual({ password: [], token: [] })
    expect(holding(token, []).filter(isScript)).not.toEqual([])
    for (const run of readdirSync(join(place.folder, 'errand/runs'))) writeFileSync(join(place.folder, 'errand/runs', run, 'work/go'), '')
    const finished = await client.finished
    expect(finished).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('the token is ***\n') })
    const record = await errand(project, `history info -r ${runIdOf(finished)} -o json --debug`)
    for (const { stdout, stderr } of [attached, stored, finished, record])
      for (const secret of [password, token]) expect(`${stdout}${stderr}`).not.toContain(secret)
    expect(found()).toEqual({ password: [], token: [] })
  })
})

/** Whether a file of /proc is that of the script's own process. */
function isScript(path: string): boolean {
  const folder = /^\/proc\/\d+(?=\/environ$)/.exec(path)?.[0]
  return folder !== undefined && /\bwait\.py\b|run_script/.test(readFileSync(`${folder}/cmdline`, 'utf8'))
}
