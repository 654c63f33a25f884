import { chmodSync, copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DockerEngine,
  type Sshd,
  dockerProblem,
  sharedDockerEngine,
  sshdProblem,
  startSshd,
} from '../packages/testkit/dist/servers/index.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from './errand.ts'
import { exampleProject, lastRecord } from './examples.ts'

const problem = sshdProblem() ?? dockerProblem()
const [sample] = globSync(join(repository, '../shared/data/churn/*.csv'))

describe.skipIf(problem !== undefined)(`churn on an engine behind SSH${problem === undefined ? '' : ` (${problem})`}`, () => {
  let engine: DockerEngine
  let image: string
  let server: Sshd
  const own = mkdtempSync(join(tmpdir(), 'errand-own-'))

  beforeAll(async () => {
    // Neither the keys nor the known hosts of who runs the tests.
    process.env['HOME'] = own
    delete process.env['SSH_AUTH_SOCK']
    engine = await sharedDockerEngine()
    image = await engine.image('python')
    // A home of its own for what `-k` writes there: other tests log in as the same user.
    chmodSync(own, 0o755)
    const there = join(own, 'there')
    mkdirSync(there)
    chmodSync(there, 0o777)
    server = await startSshd({ may: 'docker', lines: [`SetEnv HOME=${there}`, `AuthorizedKeysFile ${there}/.ssh/authorized_keys`] })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(own, { recursive: true, force: true })
  })

  it.each([
    { way: 'a password', words: [] },
    { way: 'a key of the project', words: ['-k'] },
  ])(
    'is attached by $way, prepared and learned from the real data where that is there',
    async ({ words }) => {
      using project = exampleProject('churn')
      const machine = ['--name', 'box', '--address', `127.0.0.1:${server.port}`, '--username', server.user]
      const trust = ['--password', server.password, '--accept-host-key', server.hostKeys[0]?.fingerprint ?? '']
      const place = ['--base-docker-image', image, '--engine', engine.socket, '--framework', 'python']
      const attached = await project.errand('computetarget', 'attach', 'remotedocker', ...machine, ...trust, ...place, ...words)
      expect(attached.exitCode, attached.stderr).toBe(0)
      project.write(
        'aml_config/conda_dependencies.yml',
        'name: project_environment\ndependencies:\n  - python=3.11\n  - pip:\n      - pandas\n      - scikit-learn\n',
      )
      // From here on the key alone lets us in.
      if (words.length > 0) await project.errand('secret', 'delete', 'password', '--target', 'box')
      if (sample !== undefined) {
        mkdirSync(join(project.directory, 'data'), { recursive: true })
        copyFileSync(sample, join(project.directory, 'data/customers.csv'))
      }
      const prepared = await project.errand('experiment', 'prepare', '-c', 'box')
      expect(prepared.exitCode, prepared.stderr).toBe(0)
      const finished = await project.errand('experiment', 'submit', '-c', 'box', 'train.py')
      expect(finished.exitCode, finished.stderr).toBe(0)
      const record = await lastRecord(project)
      expect(record['Decision Tree Accuracy']).toBeGreaterThan(0.8)
      if (sample !== undefined) expect(record).toMatchObject({ Rows: 20_468 })
      expect(record.attachments).toContain('outputs/')
    },
    900_000,
  )
})
