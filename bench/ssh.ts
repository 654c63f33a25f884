import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DelayLine, type Sshd, startDelayLine, startSshd } from '../packages/testkit/dist/servers/index.js'
import { fill } from './files.ts'
import { type Command, type Figure, inTurn, measure, median, row } from './measure.ts'

/** A machine behind SSH, and the same done by hand. */
interface Machine extends AsyncDisposable {
  readonly server: Sshd
  readonly line: DelayLine | undefined
  /** `ERRAND_HOME` there. */
  readonly home: string
  /** `ssh` with its options, up to the name of the machine. */
  readonly ssh: string
  readonly place: string
  readonly environment: NodeJS.ProcessEnv
}

/** @param milliseconds Of a round trip; 0 is this machine itself. */
async function startMachine(scratch: string, milliseconds: number): Promise<Machine> {
  const line = milliseconds === 0 ? undefined : await startDelayLine(milliseconds)
  const folder = join(scratch, `machine-${milliseconds}`)
  mkdirSync(folder)
  execFileSync('chmod', ['a+rwx', scratch, folder])
  const home = join(folder, 'errand')
  const server = await startSshd({ lines: [`SetEnv ERRAND_HOME=${home}`], ...(line === undefined ? {} : { network: line }) })
  const own = join(scratch, `client-${milliseconds}`)
  mkdirSync(own, { mode: 0o700 })
  const environment: NodeJS.ProcessEnv = { ...process.env, HOME: own, ERRAND_CONFIG: own, ERRAND_KEYCHAIN: 'off' }
  for (const name of ['SSH_AUTH_SOCK', 'PYTHONUNBUFFERED', 'PYTHONDONTWRITEBYTECODE', 'ERRAND_HOME']) delete environment[name]
  const known = join(own, 'known')
  return {
    server,
    line,
    home,
    ssh: `ssh -q -p ${server.port} -i ${server.key.file} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=${known}`,
    place: `${server.user}@${server.address}`,
    environment,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await line?.[Symbol.asyncDispose]()
    },
  }
}

function makeProject(errand: string, { server, environment }: Machine, directory: string): string {
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  writeFileSync(join(directory, 'train.py'), 'pass\n')
  const compute = [
    'type: remote',
    `address: ${server.address}:${server.port}`,
    `username: ${server.user}`,
    `privateKey: ${server.key.file}`,
  ]
  writeFileSync(join(directory, 'aml_config/vm.compute'), `${compute.join('\n')}\npythonLocation: python3\n`)
  writeFileSync(join(directory, 'aml_config/vm.runconfig'), 'Target: vm\nFramework: Python\n')
  const words = ['computetarget', 'attach', 'remote', '-n', 'vm', '--accept-host-key', server.hostKeys[0]?.fingerprint ?? '']
  execFileSync(errand, words, { cwd: directory, env: environment, stdio: 'pipe' })
  return directory
}

const submit = (errand: string, { environment }: Machine, cwd: string): Command => ({
  name: 'errand submit',
  command: [errand, 'experiment', 'submit', '-c', 'vm', 'train.py'],
  cwd,
  env: environment,
})

const byHand = ({ environment }: Machine, cwd: string, script: string): Command => ({
  name: 'by hand',
  command: ['/bin/sh', '-ec', script],
  cwd,
  env: environment,
})

function bringRsync(): void {
  if (existsSync('/usr/bin/rsync')) return
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' })
  execFileSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'rsync'], { stdio: 'ignore' })
}

async function trivial(errand: string, machine: Machine, directory: string, way: string): Promise<void> {
  const { place } = machine
  makeProject(errand, machine, directory)
  const script = `rsync -a -e '${machine.ssh}' --exclude .errand ./ ${place}:bench-project/ && ${machine.ssh} ${place} 'cd bench-project && python3 train.py'`
  const [hand, run] = await inTurn([byHand(machine, directory, script), submit(errand, machine, directory)], 7)
  if (hand && run) row(`trivial submit over SSH, ${way} / rsync and ssh python3`, run, hand, '<= 1 times')
}

/** What one run of the command sends, with the login and with what TCP and IP put around it. */
async function sentBy(command: Command, line: DelayLine): Promise<string> {
  const before = line.sent()
  await measure(command)
  return `${((line.sent() - before) / 1000).toFixed(1)} kB`
}

async function second(errand: string, machine: Machine, directory: string, way: string): Promise<void> {
  const again = submit(errand, machine, directory)
  await measure(again)
  const [hand, run] = await inTurn([byHand(machine, directory, `${machine.ssh} ${machine.place} python3 -c pass`), again], 3)
  const sent = machine.line === undefined ? '' : `, ${await sentBy(again, machine.line)} sent by errand`
  if (hand && run) row(`second submit over SSH, 20,000 files / 500 MB, ${way}${sent} / ssh python3 -c pass`, run, hand, '<= 2 s, < 100 kB')
}

/**
 * Each round sends all: nothing of it is there before, and what was copied aside here is not used again. It has a file system of its own:
 * for minutes after files were removed, ext4 searches past each inode that became free, and who writes more files would pay for it more.
 * For the same reason, what a round left is moved away, not removed.
 */
async function first(errand: string, scratch: string, [count, size]: readonly [number, number], what: string): Promise<void> {
  await using fresh = freshFileSystem(scratch)
  await using machine = await startMachine(fresh.folder, 0)
  const directory = makeProject(errand, machine, join(fresh.folder, 'project'))
  fill(directory, count, size)
  const byTar = `${machine.home}-tar`
  const script = `tar -cf - --exclude .errand . | ${machine.ssh} ${machine.place} 'mkdir ${byTar} && tar -xf - -C ${byTar} && sync'`
  const figures: { hand: Figure[]; run: Figure[] } = { hand: [], run: [] }
  for (let round = 0; round < 3; round++) {
    figures.hand.push(await measure(byHand(machine, directory, script)))
    figures.run.push(await measure(submit(errand, machine, directory)))
    const past = mkdtempSync(`${machine.home}-past-`)
    for (const left of [byTar, machine.home, join(directory, '.errand/objects')]) execFileSync('mv', [left, past])
  }
  const figureOf = (list: readonly Figure[]): Figure => ({
    seconds: median(list.map(({ seconds }) => seconds)),
    megabytes: Math.max(...list.map(({ megabytes }) => megabytes)),
  })
  row(`first submit over SSH, ${what} / tar and ssh tar`, figureOf(figures.run), figureOf(figures.hand), '<= 1.25 times')
}

/** An ext4 on which nothing was removed yet. */
function freshFileSystem(scratch: string): AsyncDisposable & { readonly folder: string } {
  const folder = mkdtempSync(join(scratch, 'fresh-'))
  const image = `${folder}.image`
  execFileSync('fallocate', ['-l', '9G', image])
  execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image])
  execFileSync('mount', ['-o', 'loop', image, folder])
  return {
    folder,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [folder])
      rmSync(image)
    },
  }
}

export async function ssh(errand: string, scratch: string): Promise<void> {
  bringRsync()
  await using here = await startMachine(scratch, 0)
  await using far = await startMachine(scratch, 50)
  await trivial(errand, here, join(scratch, 'near'), 'here')
  await trivial(errand, far, join(scratch, 'far'), '50 ms away')
  await first(errand, scratch, [1, 500_000_000], 'one file of 500 MB')
  await first(errand, scratch, [20_000, 25_000], '20,000 files / 500 MB')
  const many = makeProject(errand, far, join(scratch, 'far-many'))
  fill(many, 20_000, 25_000)
  await second(errand, far, many, '50 ms away')
}
