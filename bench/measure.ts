import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'

/** One command as a whole process, its output thrown away or kept in a file. */
export interface Command {
  readonly name: string
  readonly command: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Where its standard output goes; thrown away when absent. */
  readonly outputFile?: string
}

export interface Figure {
  readonly seconds: number
  /** Peak resident memory of the process itself, in MB. */
  readonly megabytes: number
}

/** Runs to the end and measures. A command that fails stops the benchmark: a figure of a failure is none. */
export function measure({ name, command, cwd, env, outputFile }: Command): Promise<Figure> {
  const [program = '', ...parameters] = command
  const output = openSync(outputFile ?? '/dev/null', 'w')
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(program, parameters, { cwd, env: env ?? process.env, stdio: ['ignore', output, 'pipe'] })
    let errors = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)))
    const memory = watchMemory(child.pid)
    child.once('error', reject)
    child.once('exit', (exitCode) => {
      const seconds = (performance.now() - began) / 1000
      const megabytes = memory.stop()
      if (exitCode === 0) resolve({ seconds, megabytes })
      else reject(new Error(`${name} ended with ${exitCode}: ${errors}`))
    })
  })
}

/** Looks at a process until it is told to stop, then gives its peak resident memory in MB. */
export function watchMemory(pid: number | undefined): { stop(): number } {
  let megabytes = 0
  const look = setInterval(() => (megabytes = Math.max(megabytes, peakOf(pid))), 20)
  return {
    stop() {
      clearInterval(look)
      return megabytes
    },
  }
}

function peakOf(pid: number | undefined): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(line?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** Runs the commands in turn, `rounds` times after one round that does not count, and gives each one's median. */
export async function inTurn(commands: readonly Command[], rounds: number): Promise<readonly Figure[]> {
  const figures: Figure[][] = commands.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, command] of commands.entries()) {
      const figure = await measure(command)
      if (round > 0) figures[index]?.push(figure)
    }
  }
  return figures.map((list) => ({
    seconds: median(list.map((figure) => figure.seconds)),
    megabytes: Math.max(...list.map((figure) => figure.megabytes)),
  }))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** One row of the result: the figure, its lower limit, the difference and the ratio. */
export function row(name: string, figure: Figure, limit: Figure, aim: string): void {
  const milliseconds = (seconds: number) => `${Math.round(seconds * 1000)} ms`
  const ratio = (figure.seconds / limit.seconds).toFixed(2)
  const over = milliseconds(figure.seconds - limit.seconds)
  console.log(
    `| ${name} | ${milliseconds(figure.seconds)} | ${milliseconds(limit.seconds)} | ${over} | ${ratio} | ${Math.round(figure.megabytes)} MB | ${aim} |`,
  )
}
