import { execFileSync } from 'node:child_process'

/** Runs a program to its end and returns what it wrote. */
export function run(program: string, parameters: readonly string[], input = ''): string {
  return execFileSync(program, parameters, {
    input,
    encoding: 'utf8',
    maxBuffer: 1e8,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
