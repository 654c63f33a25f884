import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Another network, a long way off. */
export interface DelayLine extends AsyncDisposable {
  /** Of the far end: what a server there must listen on. */
  readonly address: string
  /** Words in front of a command that is to run in the far network. */
  readonly enter: readonly string[]
  /** Bytes that have left for there so far, with what TCP and IP put around them. */
  sent(): number
}

const program = fileURLToPath(new URL('../../python/delay_line.py', import.meta.url))

/** @param milliseconds Of a round trip: half of it in each direction. */
export async function startDelayLine(milliseconds: number): Promise<DelayLine> {
  const number = nextNumber()
  const [here, there] = [1, 2].map((end) => `10.${180 + (number >> 14)}.${(number >> 6) & 255}.${((number & 63) << 2) + end}`)
  const parameters = [program, String(milliseconds / 2), here ?? '', there ?? '', `errand${number}`]
  const child = spawn('python3', parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', (exitCode) => reject(new Error(`the delay line ended with ${exitCode}`)))
  })
  return {
    address: there ?? '',
    enter: ['nsenter', '--target', String(child.pid), '--net', '--'],
    sent: () => Number(readFileSync(`/sys/class/net/errand${number}/statistics/tx_bytes`, 'utf8')),
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}

let lines = 0

/** Below 2^16: other processes make such lines at the same time. */
const nextNumber = (): number => (process.pid * 8 + lines++) & 0xffff
