import { createPrivateKey, randomUUID } from 'node:crypto'
import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ErrandError, errorCode, errorMessage, exitCodeOf } from '../errors.ts'
import { readFileOfOwner } from './owner-file.ts'
import { configurationDirectory, makeDirectory, refuseInsideProject } from './secret-files.ts'

/**
 * Where the private key of that name is kept: in the user's configuration folder, outside every project, readable by its owner alone.
 * The key of a project goes by the project's id. Error: `KEY_NAME_INVALID`.
 */
export function keyFile(name: string, environment: NodeJS.ProcessEnv = process.env): string {
  if (!/^[A-Za-z0-9_][\w.-]{0,199}$/.test(name))
    throw new ErrandError('KEY_NAME_INVALID', `${JSON.stringify(name)} can't be the name of a key.`, {
      hint: 'A name has letters, digits, `_`, `-` and `.`.',
    })
  return join(configurationDirectory(environment), 'keys', name)
}

/** The text of a private key, or undefined when there is none of that name. Errors: `SECRET_FILE_PERMISSIONS`, `KEY_NAME_INVALID`. */
export function readKey(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return readFileOfOwner(keyFile(name, environment))
}

/**
 * Keeps a private key and answers its path; with `overwrite` in the place of one that is there. Two processes at once: the first one's key
 * stays and `KEY_EXISTS` is what the other gets.
 */
export function writeKey(
  name: string,
  text: string,
  { overwrite = false, environment = process.env }: { readonly overwrite?: boolean; readonly environment?: NodeJS.ProcessEnv } = {},
): string {
  const path = keyFile(name, environment)
  const arriving = `${path}.${randomUUID()}`
  try {
    makeDirectory(configurationDirectory(environment))
    makeDirectory(dirname(path))
    if (overwrite) rmSync(path, { force: true })
    writeFileSync(arriving, text, { mode: 0o600, flag: 'wx' })
    linkSync(arriving, path)
  } catch (cause) {
    if (cause instanceof ErrandError) throw cause
    if (errorCode(cause) === 'EEXIST') throw new ErrandError('KEY_EXISTS', `There is a key already: ${path}.`, { cause })
    throw new ErrandError('KEY_NOT_WRITTEN', `${path} can't be written: ${errorMessage(cause)}.`, {
      hint: 'Make its folder writable, or set ERRAND_CONFIG to another folder outside the project.',
      cause,
      exitCode: exitCodeOf(cause),
    })
  } finally {
    rmSync(arriving, { force: true })
  }
  return path
}

interface ProjectOfKey {
  readonly id: string
  readonly directory: string
}

/** The private key of a project as text, to be given to a colleague. Error: `KEY_NOT_FOUND`. */
export function exportKey(project: ProjectOfKey, environment: NodeJS.ProcessEnv = process.env): string {
  const text = readKey(project.id, environment)
  if (text !== undefined) return text
  throw new ErrandError('KEY_NOT_FOUND', 'This project has no SSH key of its own.', {
    hint: 'It is made by: errand computetarget attach TYPE --name NAME --address HOST --username USER --use-azureml-ssh-key',
  })
}

/** Keeps a colleague's key as the project's. Another key that is there stays, unless `overwrite`. Errors: `KEY_INVALID`, `KEY_EXISTS`. */
export function importKey(
  project: ProjectOfKey,
  text: string,
  options: { readonly overwrite?: boolean; readonly environment?: NodeJS.ProcessEnv } = {},
): string {
  const key = `${text.replaceAll('\r\n', '\n').trim()}\n`
  if (!isPrivateKey(key))
    throw new ErrandError('KEY_INVALID', 'What was given is no private key.', {
      hint: 'Give the whole text that `errand computetarget key export` prints, from its first line with BEGIN to its last with END.',
    })
  const environment = options.environment ?? process.env
  const path = keyFile(project.id, environment)
  refuseInsideProject(path, project.directory)
  const present = readKey(project.id, environment)
  if (present === key) return path
  if (present !== undefined && options.overwrite !== true)
    throw new ErrandError('KEY_EXISTS', `The project has another key already: ${path}.`, {
      hint: 'Machines that know only that one are lost to you when it goes. To replace it: --overwrite',
    })
  return writeKey(project.id, key, options)
}

/** Node reads PEM; the form of OpenSSH it does not know, so of that the frame and the magic word are looked at. */
function isPrivateKey(text: string): boolean {
  const openSsh = /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END OPENSSH PRIVATE KEY-----\n$/.exec(text)
  if (openSsh !== null)
    return (
      Buffer.from(openSsh[1] ?? '', 'base64')
        .subarray(0, 15)
        .toString('latin1') === 'openssh-key-v1\0'
    )
  try {
    createPrivateKey(text)
    return true
  } catch {
    return false
  }
}
