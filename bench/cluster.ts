import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type Yarn, livyProblem, startYarn } from '../packages/testkit/dist/servers/index.js'
import { type Command, type Figure, measure, median, row, watchMemory } from './measure.ts'

export const script = `from pyspark.sql import SparkSession
print('first line', flush=True)
print(SparkSession.builder.getOrCreate().range(1000).count())
`

/** A submit to a real cluster, to the script's first line and to its end, against a bare POST of the same script and a poll twice a second. */
export async function cluster(scratch: string, errand: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const problem = livyProblem()
  if (problem !== undefined) return void process.stdout.write(`cluster: ${problem}\n`)
  await using yarn = await startYarn()
  const directory = join(scratch, 'cluster')
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  const user = userInfo().username
  writeFileSync(join(directory, 'train.py'), script)
  writeFileSync(
    join(directory, 'aml_config/cluster.compute'),
    `type: cluster\nlivyUrl: ${yarn.livy.url}\nwebhdfsUrl: ${yarn.webHdfsUrl}\nusername: ${user}\nuserManagedEnvironment: true\n`,
  )
  writeFileSync(join(directory, 'aml_config/cluster.runconfig'), 'Target: cluster\nFramework: PySpark\n')
  const bare = barePost(yarn, directory, environment)
  const figures: Record<'bare' | 'first' | 'whole', Figure[]> = { bare: [], first: [], whole: [] }
  for (let round = 0; round <= rounds; round++) {
    const alone = await measure(bare)
    const { first, whole } = await submit([errand, 'experiment', 'submit', '-c', 'cluster', 'train.py'], directory, environment)
    if (round === 0) continue
    figures.bare.push(alone)
    figures.first.push(first)
    figures.whole.push(whole)
  }
  const middle = (list: readonly Figure[]): Figure => ({
    seconds: median(list.map(({ seconds }) => seconds)),
    megabytes: Math.max(...list.map(({ megabytes }) => megabytes)),
  })
  row('submit to a cluster, to its end / bare POST and poll', middle(figures.whole), middle(figures.bare), '<= 3000 ms over')
  row("submit to a cluster, to the script's first line / bare POST and poll to the end", middle(figures.first), middle(figures.bare), '')
}

/** What `train.py` of a folder takes with curl alone: sent, named to Livy, and asked for until it has ended. */
export function barePost(yarn: Yarn, cwd: string, env: NodeJS.ProcessEnv): Command {
  const user = userInfo().username
  const put = `curl -sfL -X PUT -T train.py "${yarn.webHdfsUrl}/bench/train.py?op=CREATE&user.name=${user}&overwrite=true"`
  const post = `curl -sf -H 'X-Requested-By: bench' -H 'Content-Type: application/json' -d '{"file":"/bench/train.py"}' ${yarn.livy.url}/batches`
  const poll = `while :; do case $(curl -sf ${yarn.livy.url}/batches/$id/state) in *success*) break ;; *dead* | *killed*) exit 1 ;; esac; sleep 0.5; done`
  const text = `${put}; id=$(${post} | sed 's/^{"id":\\([0-9]*\\).*/\\1/'); ${poll}`
  return { name: 'curl', command: ['sh', '-ec', text], cwd, env }
}

const rounds = 3

/** One submit, timed to the script's first line and to the end of the command. */
function submit(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly first: Figure; readonly whole: Figure }> {
  const [program = '', ...parameters] = command
  const began = performance.now()
  const now = (): Figure => ({ seconds: (performance.now() - began) / 1000, megabytes: 0 })
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const memory = watchMemory(child.pid)
    let text = ''
    let first: Figure | undefined
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString()
      if (first === undefined && text.includes('first line')) first = now()
    })
    child.once('error', reject)
    child.once('close', (exitCode) => {
      const megabytes = memory.stop()
      if (exitCode === 0 && first !== undefined) resolve({ first: { ...first, megabytes }, whole: { ...now(), megabytes } })
      else reject(new Error(`The submit ended with ${exitCode}: ${text}`))
    })
  })
}
