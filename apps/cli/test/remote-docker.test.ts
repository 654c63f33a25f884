import { dockerProblem, sharedDockerEngine, sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runIdOf } from './project.ts'
import { type RemotePlace, errand, exampleProject, holding, startPlace } from './remote-place.ts'

const problem = sshdProblem() ?? dockerProblem()

describe.skipIf(problem)(`a container on a machine behind SSH${problem === undefined ? '' : ` (${problem})`}`, () => {
  let place: RemotePlace
  let engine: { readonly socket: string; readonly image: string }
  beforeAll(async () => {
    const shared = await sharedDockerEngine()
    engine = { socket: shared.socket, image: await shared.image('python') }
    place = await startPlace([], 'docker')
  })
  afterAll(() => place[Symbol.asyncDispose]())

  for (const way of ['password', 'key'] as const) {
    it(`runs an example with the login by ${way}: attach without a word for the type, prepare, submit`, async () => {
      using project = exampleProject('iris')
      const attach = `${place.attach.replace('attach remote ', 'attach ')} --password-stdin ${place.accept}`
      const more = `--base-docker-image ${engine.image} --engine ${engine.socket} --user-managed-environment`
      const attached = await errand(project, `${attach} ${more}${way === 'key' ? ' -k' : ''}`, place.server.password)
      expect([attached.exitCode, attached.stdout]).toEqual([0, expect.stringMatching(/ok +login: /)])
      expect(project.read('aml_config/vm.compute')).toMatch(/^type: remotedocker$/m)
      if (way === 'key') expect(await errand(project, 'secret delete password -t vm')).toMatchObject({ exitCode: 0 })
      expect(await errand(project, 'computetarget check vm')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/ok +engine: /) })
      expect(await errand(project, 'experiment prepare -c vm')).toMatchObject({ exitCode: 0 })
      const run = await errand(project, 'experiment submit -c vm train.py')
      expect([run.exitCode, run.stderr]).toEqual([0, ''])
      const record = JSON.parse((await errand(project, `history info -r ${runIdOf(run)} -o json`)).stdout) as object
      expect(record).toMatchObject({ status: 'Completed', target: 'vm', attachments: expect.stringContaining('outputs/model.json') })
      expect(holding(place.server.password, [project.directory, place.folder])).toEqual([])
    })
  }
})
