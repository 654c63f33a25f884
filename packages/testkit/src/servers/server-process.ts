import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server of this machine and everything that it starts. */
export interface ServerProcess {
  readonly pid: number
  log(): string
  /** Ends its whole session. */
  stop(): Promise<void>
  /** Ends it as a crash does. */
  crash(): Promise<void>
  /** Takes the processor from its session: connections to it stay, and nothing answers. */
  suspend(): void
  resume(): void
}

/** Ends the server's session with us, however we end: then our end of its standard input is closed. Its own output is the leader's number alone. */
const guard = `setsid "$@" </dev/null >&2 & leader=$!
trap '' INT TERM HUP
echo "$leader"
read -r _
kill -TERM -"$leader" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do kill -0 -"$leader" 2>/dev/null || exit 0; sleep 0.2; done
kill -KILL -"$leader" 2>/dev/null
exit 0`

/** Starts a program in a session of its own, with its output in a file. */
export async function startServerProcess(
  command: readonly string[],
  { env, logFile, cwd }: { readonly env: NodeJS.ProcessEnv; readonly logFile: string; readonly cwd: string },
): Promise<ServerProcess> {
  const log = openSync(logFile, 'a')
  const child: ChildProcess = spawn('/bin/sh', ['-c', guard, 'sh', ...command], { cwd, env, stdio: ['pipe', 'pipe', log] })
  closeSync(log)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => reject(new Error(`${command[0]} was not started: the shell ended with ${exitCode}`)))
    let said = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if ((said += text).endsWith('\n')) resolve(Number(said))
    })
  })
  const stop = async () => {
    child.stdin?.end('\n')
    child.stdout?.destroy()
    await ended
  }
  return {
    pid,
    log: () => readFileSync(logFile, 'utf8'),
    stop,
    suspend: () => process.kill(-pid, 'SIGSTOP'),
    resume: () => process.kill(-pid, 'SIGCONT'),
    async crash() {
      process.kill(-pid, 'SIGKILL')
      await stop()
    },
  }
}

/** Asks until the answer is true. Rejects with the end of the log when the server has died, or after the limit. */
export async function untilReady(
  server: ServerProcess,
  isReady: () => Promise<boolean>,
  { what, limit = 120_000 }: { readonly what: string; readonly limit?: number },
): Promise<void> {
  for (const began = Date.now(); ;) {
    if (await isReady().catch(() => false)) return
    const problem = !isAlive(server.pid) ? 'ended' : Date.now() - began > limit ? `was not ready after ${limit / 1000} s` : undefined
    if (problem !== undefined) throw new Error(`${what} ${problem}: ${server.log().slice(-3000)}`)
    await sleep(200)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
