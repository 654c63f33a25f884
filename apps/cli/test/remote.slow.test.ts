import { execFileSync } from 'node:child_process'
import { cpSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RemotePlace, errand, exampleProject, startPlace } from './remote-place.ts'

const python = '/usr/bin/python3'
const environment = process.env['ERRAND_PYTHON_CHURN']
const [packages] = environment === undefined ? [] : globSync(join(environment, 'lib', minorVersion(), 'site-packages'))
const problem =
  sshdProblem() ?? (packages === undefined ? `needs pandas and scikit-learn for ${python}, which ./check --all brings` : undefined)

/** `python3.11`, the folder of its packages. */
function minorVersion(): string {
  return execFileSync(python, ['-c', 'import sys; print("python%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' }).trim()
}

describe.skipIf(problem)(`churn behind a real sshd${problem === undefined ? '' : ` (${problem})`}`, () => {
  let place: RemotePlace
  beforeAll(async () => {
    place = await startPlace()
    makeEnvironment(join(place.folder, 'own'), packages ?? '')
  })
  afterAll(() => place[Symbol.asyncDispose]())

  /** The user's own Python there: she may read nothing of who runs the tests, so it has its own copy of the packages. */
  function makeEnvironment(folder: string, from: string): void {
    execFileSync(python, ['-m', 'venv', '--without-pip', folder])
    cpSync(from, `${folder}/packages`, { recursive: true })
    writeFileSync(join(folder, 'lib', minorVersion(), 'site-packages', 'own.pth'), `${folder}/packages\n`)
    execFileSync('chmod', ['-R', 'a+rX', folder])
  }

  for (const way of ['password', 'key'] as const) {
    it(`is learned with the login by ${way}`, async () => {
      using project = exampleProject('churn')
      const attach = `${place.attach} --python-location ${place.folder}/own/bin/python --password-stdin ${place.accept}`
      expect(await errand(project, way === 'key' ? `${attach} -k` : attach, place.server.password)).toMatchObject({ exitCode: 0 })
      if (way === 'key') await errand(project, 'secret delete password -t vm')
      const prepared = await errand(project, 'experiment prepare -c vm')
      expect([prepared.exitCode, prepared.stderr]).toEqual([0, expect.not.stringContaining('lacks')])
      expect(await errand(project, 'experiment submit -c vm train.py')).toMatchObject({ exitCode: 0, stderr: '' })
      const record = JSON.parse((await errand(project, 'history last -o json')).stdout) as Readonly<Record<string, unknown>>
      expect(record).toMatchObject({ status: 'Completed', attachments: expect.stringContaining('outputs/model.pkl') })
      expect(record['Decision Tree Accuracy']).toBeGreaterThan(0.8)
    })
  }
})
