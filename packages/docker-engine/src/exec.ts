import type { Container } from 'dockerode'
import type { Duplex } from 'node:stream'
import { ErrandError, type HostProcess, type RunOptions } from '@errand/core'
import { containerProcess } from './container-process.ts'
import { refusalText } from './engine-errors.ts'

/** Runs a command in a running container. An engine can't end such a process: closing its connection ends its input, which ours take as the end. */
export async function execIn(
  container: Container,
  command: readonly string[],
  { env = {} }: Pick<RunOptions, 'env'>,
): Promise<HostProcess> {
  const exec = await container.exec({
    Cmd: [...command],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
  })
  const socket: Duplex = await exec.start({ hijack: true, stdin: true, Tty: false }).catch((error: unknown) => {
    throw notStarted(command, error) ?? error
  })
  return containerProcess(socket, {
    async exit(last) {
      if (cutOff.test(last)) return {}
      // Unknown when the container has gone with it.
      const { ExitCode } = await exec.inspect().catch(() => ({ ExitCode: null }))
      return typeof ExitCode === 'number' ? { exitCode: ExitCode } : {}
    },
    async kill() {
      socket.destroy()
    },
  })
}

/** What Podman writes on the program's stderr when its container ends while the program starts: an engine of Docker refuses, or ends it with 137. */
const cutOff = /^Error: .*(cannot exec in a stopped container|container state improper|\/attach: .*connection reset by peer)/m

/** A program that the image does not have; undefined for another failure. */
export function notStarted(command: readonly string[], error: unknown): ErrandError | undefined {
  const text = refusalText(error)
  // A device or a folder that is missing is told with the same words, but not of the program.
  const [program = ''] = command
  if (![`exec: "${program}"`, `executable file \`${program}\``].some((told) => text.includes(told))) return undefined
  return new ErrandError('COMMAND_NOT_STARTED', `${command[0]} can't be started in the container: ${text}`, { cause: error })
}
