import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { ErrandError, type Host, type TargetContext, localHost } from '@errand/core'
import { objectPath } from './project-files.ts'

/** What differs between the contexts of two tests; the rest has defaults. */
export interface TestContextOptions<Config> {
  /** Validated by the definition's schema. */
  readonly config: Config
  /** Values of declared secrets and of secret variables, by name. */
  readonly secrets?: Readonly<Record<string, string>>
  /** A folder for everything that core would keep in the project and its `.errand/`. Made and deleted by the caller. */
  readonly directory: string
  readonly type?: string
  readonly project?: { readonly name: string; readonly id: string }
  readonly host?: Host
  /** Told everything that the target says to its log. */
  onLog?(message: string): void
}

export const defaultProject = { name: 'testkit', id: 'testkit' } as const

/** Folders of a test context below its `directory`. */
export const contextFolders = { project: 'project', objects: 'objects', state: 'state', shared: 'shared' } as const

/**
 * A context like the one that core lends to a target: this machine as host, objects in a folder, no terminal. Secrets that were not given
 * reject with `SECRET_NOT_FOUND`, questions with `NO_TERMINAL` and the question's own hint.
 */
export function createTestContext<Config>(options: TestContextOptions<Config>): TargetContext<Config> {
  const { config, directory, secrets = {}, type = 'test', project = defaultProject, onLog = () => {} } = options
  const objectsDirectory = join(directory, contextFolders.objects)

  async function secret(name: string): Promise<string> {
    const value = secrets[name]
    if (value === undefined)
      throw new ErrandError('SECRET_NOT_FOUND', `The test has no secret ${name}.`, { hint: `Give it: secrets: { ${name}: … }` })
    return value
  }

  return {
    config,
    target: { name: type, type },
    project: { ...project, directory: join(directory, contextFolders.project) },
    stateDirectory: join(directory, contextFolders.state),
    sharedDirectory: join(directory, contextFolders.shared),
    host: options.host ?? localHost(),
    log: { debug: onLog, info: onLog, warn: onLog },
    secret,
    secretVariable: secret,
    async ask(question) {
      throw new ErrandError('NO_TERMINAL', `There is no terminal to ask: ${question.text}`, { hint: question.withoutTerminal.hint })
    },
    openObject: (digest) => createReadStream(objectPath(objectsDirectory, digest)),
    objectsDirectory,
  }
}
