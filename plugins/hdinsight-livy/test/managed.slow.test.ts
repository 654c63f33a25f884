import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '@errand/core'
import { testTarget } from '@errand/testkit'
import { livyProblem, machinePythons, makeCondaChannel, startYarn } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { clusterSuite } from './cluster-suite.ts'

const problem = livyProblem()
const yarn = problem === undefined ? await startYarn({ memory: 8192 }) : undefined
const folder = mkdtempSync(join(tmpdir(), 'errand-cluster-managed-'))
afterAll(async () => {
  await yarn?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** What an environment could change. All checks pass with one as well; the others see nothing of it, and each costs two submits to YARN and more. */
const only =
  /plan says|second submit|working folder holds the project and|sys\.path|metrics come back$|exit code 3|cancel ends|stubborn tree/

/** Every driver, and every executor, runs the Python of an environment that was made of a conda file, and unpacked for it by YARN. */
describe.skipIf(problem)(`a cluster with an environment${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn === undefined) return
  process.env['ERRAND_HOME'] = join(folder, 'home')
  const { python, folder: channel } = makeCondaChannel(join(folder, 'channel'), machinePythons())
  const environment: Environment = {
    kind: 'conda',
    file: 'aml_config/conda_dependencies.yml',
    text: '',
    localFiles: [],
    canonical: {
      channels: [`file://${channel}`],
      conda: [`python=${python}`, 'greeter', 'activator'],
      pip: ['six==1.17.0'],
      pipOptions: [],
    },
  }
  const suite = clusterSuite(yarn, { userManagedEnvironment: false, environmentBuilder: 'local', environmentProvider: 'rattler' })
  // The first check that prepares waits for the solver.
  testTarget(it, { ...suite, name: 'cluster with an environment', environment, patience: 600, only, report: undefined })
})
