import { chmodSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Sshd, type SshdSettings, startSshd } from '@errand/testkit/servers'
import { type Finished, type TemporaryProject, cliDirectory, temporaryProject } from './project.ts'

/** A machine behind a real sshd that is a target of test projects. */
export interface RemotePlace extends AsyncDisposable {
  readonly server: Sshd
  /** Home of its user, with `ERRAND_HOME` in it as `errand`. */
  readonly folder: string
  /** The command that attaches it as `vm`; the password goes to standard input. */
  readonly attach: string
  /** Accepts its host key. */
  readonly accept: string
}

/** @param more Lines of sshd_config. */
export async function startPlace(more: readonly string[] = [], may?: SshdSettings['may']): Promise<RemotePlace> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-place-'))
  chmodSync(folder, 0o777)
  // A home of its own: other tests log in as the same user.
  const lines = [`SetEnv ERRAND_HOME=${folder}/errand HOME=${folder}`, `AuthorizedKeysFile ${folder}/.ssh/authorized_keys`]
  const server = await startSshd({ lines: [...lines, ...more], may })
  return {
    server,
    folder,
    attach: `computetarget attach remote -n vm -a 127.0.0.1:${server.port} -u ${server.user} --framework python`,
    accept: `--accept-host-key ${server.hostKeys[0]?.fingerprint}`,
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** An example as a user's project. */
export function exampleProject(name: string): TemporaryProject {
  const project = temporaryProject({})
  const example = resolve(cliDirectory, '../../examples', name)
  cpSync(example, project.directory, { recursive: true, filter: (path) => !/[/\\](\.errand|outputs|results)$/.test(path) })
  return project
}

/** Runs a line of words, on a client that has neither keys nor known hosts. */
export function errand(project: TemporaryProject, line: string, input?: string): Promise<Finished> {
  const environment = { HOME: project.parent, SSH_AUTH_SOCK: undefined }
  return project.errandWith({ environment, ...(input === undefined ? {} : { input }) }, ...line.split(' '))
}

/** Files below these folders, and what all other processes show of themselves, that hold a text. */
export function holding(text: string, folders: readonly string[]): readonly string[] {
  if (text.length < 8) throw new Error(`${JSON.stringify(text)} is too short to be looked for.`)
  const below = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const shown = processes.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
  return [...below, ...shown].filter((path) => readIfThere(path).includes(text))
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
