import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { livyProblem, machinePythons, makeCondaChannel, startGateway, startYarn } from '../packages/testkit/dist/servers/index.js'
import { barePost, script } from './cluster.ts'
import { measure, row } from './measure.ts'

/** The second submit of an unchanged project, with an environment, through a gateway that counts what is sent to it. Needs PyPI. */
export async function clusterUnchanged(scratch: string, errand: string, given: NodeJS.ProcessEnv): Promise<void> {
  const problem = livyProblem()
  if (problem !== undefined) return void process.stdout.write(`cluster-unchanged: ${problem}\n`)
  await using yarn = await startYarn()
  await using gateway = await startGateway({ livy: yarn.livy.url, webhdfs: yarn.webHdfsUrl.replace(/\/v1$/, ''), yarnui: yarn.yarnUrl })
  const directory = join(scratch, 'cluster-unchanged')
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  const { python, folder: channel } = makeCondaChannel(join(scratch, 'channel'), machinePythons())
  const write = (name: string, ...lines: readonly string[]) => writeFileSync(join(directory, name), `${lines.join('\n')}\n`)
  writeFileSync(join(directory, 'data.bin'), randomBytes(20_000_000))
  write('train.py', script)
  write('with-numpy.py', 'import numpy', script)
  write(
    'aml_config/cluster.compute',
    'type: cluster',
    `livyUrl: ${gateway.url}/livy`,
    `webhdfsUrl: ${gateway.url}/webhdfs/v1`,
    `certificateAuthority: ${join(directory, '../gateway.pem')}`,
    `username: ${userInfo().username}`,
    'userManagedEnvironment: false',
    'environmentBuilder: local',
  )
  writeFileSync(join(directory, '../gateway.pem'), gateway.certificate)
  write('aml_config/cluster.runconfig', 'Target: cluster', 'Framework: PySpark', 'PrepareEnvironment: true')
  write('aml_config/conda_dependencies.yml', `channels: [file://${channel}]`, 'dependencies:', `  - python=${python}`, '  - pip: [numpy]')
  const env = { ...given, ERRAND_SECRET_CLUSTERPASSWORD: gateway.password }
  const submit = { name: 'submit', command: [errand, 'experiment', 'submit', '-c', 'cluster', 'with-numpy.py'], cwd: directory, env }
  await measure(submit)
  const [first, asked] = [gateway.received, gateway.requests.length]
  const again = await measure(submit)
  const sent = `${Math.round(first / 1e6)} MB sent first, then ${((gateway.received - first) / 1000).toFixed(1)} KB in ${gateway.requests.length - asked} requests`
  const bare = await measure(barePost(yarn, directory, given))
  row(`second submit to a cluster, 20 MB and an environment with numpy / bare POST and poll (${sent})`, again, bare, '< 100 KB')
}
