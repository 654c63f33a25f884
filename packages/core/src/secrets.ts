import { ErrandError } from './errors.ts'
import { environmentNames } from './secrets/environment.ts'
import { openKeychain } from './secrets/keychain.ts'
import { openSecretFiles, type SecretFiles, type SecretName } from './secrets/secret-files.ts'

export { exportKey, importKey, keyFile, readKey, writeKey } from './secrets/key-store.ts'

export type SecretSource = 'environment' | 'keychain' | 'file'

/** Where one project's secrets come from. Values appear in results only, never in an error. */
export interface SecretStore {
  /**
   * Looks in the environment ({@link environmentNames}), the keychain of the operating system, and the file of last resort; in each store
   * first for the target, then for the whole project. Undefined when none has it. Errors: SECRET_NAME_INVALID, SECRET_FILE_PERMISSIONS,
   * SECRET_FILE_INVALID.
   */
  get(name: string, target?: string): Promise<{ readonly value: string; readonly source: SecretSource } | undefined>
  /** As `get`, for a secret variable of a run: the variable of that very name in the environment counts too, behind errand's own. */
  getVariable(name: string, target?: string): Promise<{ readonly value: string; readonly source: SecretSource } | undefined>
  /** Keeps a value and says where: the keychain, or the file if there is no keychain that can be used here. Errors as `get`, and SECRET_EMPTY, SECRET_FILE_INSIDE_PROJECT. */
  set(name: string, value: string, target?: string): Promise<'keychain' | 'file'>
  /** False when there was none. SECRET_KEYCHAIN_UNREACHABLE when the keychain has it and can't be asked now: then it is still there. */
  delete(name: string, target?: string): Promise<boolean>
  /** What was kept with `set`, without values. The environment can't be listed. */
  list(): Promise<readonly { readonly name: string; readonly target?: string; readonly source: SecretSource }[]>
  /** The file of last resort, to be named to users. */
  readonly file: string
}

/**
 * The secrets of a project; `id` is that of its history, so a moved project keeps them. Opening reads nothing. In `environment`,
 * `ERRAND_CONFIG` names another folder for the file of last resort, and `ERRAND_KEYCHAIN=off` leaves the keychain alone.
 */
export function openSecrets(
  project: { readonly directory: string; readonly id: string; readonly name: string },
  options: { readonly environment?: NodeJS.ProcessEnv } = {},
): SecretStore {
  const environment = options.environment ?? process.env
  const files = openSecretFiles(project, environment)
  const keychain = openKeychain(environment)
  const account = (name: string, target: string | undefined) => `${project.id}/${target ?? ''}/${name}`

  const getStored = async (name: string, target: string | undefined) => {
    // `set` takes a value out of the file once a keychain has it: one in the file is newer than what a keychain may still hold.
    const kept = files.read(name, target)
    if (kept !== undefined) return { value: kept, source: 'file' as const }
    const found = await keychain.get(account(name, target))
    return found.value === undefined ? undefined : { value: found.value, source: 'keychain' as const }
  }

  const get = async (name: string, target: string | undefined, variables: readonly string[]) => {
    checkNames(name, target)
    // Set to nothing counts as not set: that is how build servers hand over a secret they do not have.
    const variable = variables.find((candidate) => environment[candidate])
    if (variable !== undefined) return { value: environment[variable] ?? '', source: 'environment' as const }
    return (target === undefined ? undefined : await getStored(name, target)) ?? getStored(name, undefined)
  }

  return {
    file: files.path,
    get: (name, target) => get(name, target, environmentNames(name, target)),
    getVariable: (name, target) => get(name, target, [...environmentNames(name, target), name]),
    async set(name, value, target) {
      checkNames(name, target)
      if (value === '') throw emptySecret(name, target)
      if (await keychain.set(account(name, target), value)) {
        files.note(name, target)
        return 'keychain'
      }
      files.write(name, target, value)
      return 'file'
    },
    async delete(name, target) {
      checkNames(name, target)
      const noted = files.isNoted(name, target)
      const wasInFile = files.remove(name, target)
      const outcome = await keychain.delete(account(name, target))
      if (outcome === 'unreachable' && noted) throw unreachable(name)
      if (noted) files.forget(name, target)
      return wasInFile || outcome === 'deleted'
    },
    list: async () => listed(files),
  }
}

function listed(files: SecretFiles) {
  const inFile = files.names()
  const inKeychain = files.noted().filter(({ name, target }) => !inFile.some((other) => other.name === name && other.target === target))
  return [...inFile.map((entry) => from('file', entry)), ...inKeychain.map((entry) => from('keychain', entry))].toSorted(
    (a, b) => compare(a.name, b.name) || compare(a.target ?? '', b.target ?? ''),
  )
}

function from(source: SecretSource, { name, target }: SecretName) {
  return target === undefined ? { name, source } : { name, target, source }
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))

/** A name becomes part of an account's name and of a variable's, and is printed. */
function checkNames(name: string, target: string | undefined): void {
  for (const [kind, word] of [
    ['secret', name],
    ['target', target],
  ] as const) {
    if (word === undefined || /^[^\p{Cc}/=]{1,200}$/u.test(word)) continue
    throw new ErrandError('SECRET_NAME_INVALID', `${JSON.stringify(word)} can't be the name of a ${kind}.`, {
      hint: 'A name has 1 to 200 characters, and none of them is "/", "=" or a control character.',
    })
  }
}

function emptySecret(name: string, target: string | undefined): ErrandError {
  return new ErrandError('SECRET_EMPTY', `The value of the secret ${name} is empty.`, {
    hint: `To take it away: errand secret delete ${name}${target === undefined ? '' : ` --target ${target}`}`,
  })
}

function unreachable(name: string): ErrandError {
  return new ErrandError(
    'SECRET_KEYCHAIN_UNREACHABLE',
    `The secret ${name} is in the keychain of this machine, which can't be asked now.`,
    {
      hint: 'Unlock the keychain, or call this in a desktop session; nothing was deleted from it.',
    },
  )
}
