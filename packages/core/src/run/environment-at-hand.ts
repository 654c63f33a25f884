import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import { loadCondaDependencies } from '../project/conda-dependencies.ts'
import {
  fillCredentials,
  hiddenAddresses,
  hideCredentials,
  mapTexts,
  namedCredentials,
  restoreCredentials,
} from '../project/credentials.ts'
import type { Project } from '../project/model.ts'
import { loadRequirements } from '../project/requirements.ts'
import type { Environment, EnvironmentRequest } from '../request.ts'
import { storeLocalFiles } from '../snapshot/local-files.ts'
import type { OpenTarget, RunContext } from './context.ts'

/** As the history and the place keep it: addresses without their credentials. */
export function withoutCredentials(environment: Environment): Environment {
  if (environment.kind === 'user-managed') return environment
  const { text, canonical } = environment
  return { ...environment, text: hideCredentials(text), canonical: mapTexts(canonical, hideCredentials) }
}

/**
 * All that making the environment needs, at hand for this one call: the files of the project that it names, in the store; credentials of
 * addresses, from the file as it is today or from the secrets that it names. Errors: `CREDENTIALS_MISSING`, `FILE_CHANGED`.
 */
export async function environmentAtHand(
  { project, history }: Pick<RunContext, 'project' | 'history'>,
  request: EnvironmentRequest,
  { secretVariable }: Pick<OpenTarget, 'secretVariable'>,
  signal: AbortSignal,
): Promise<EnvironmentRequest> {
  const { environment } = request
  if (environment.kind === 'user-managed') return request
  await storeLocalFiles({ directory: project.directory, state: history.directory, signal }, environment.localFiles)
  const hidden = hiddenAddresses(environment.canonical).length > 0
  const names = namedCredentials(environment.canonical)
  if (!hidden && names.length === 0) return request
  const whole = hidden ? await restored(project, environment) : environment
  const values = new Map(await Promise.all(names.map(async (name) => [name, await secretIfKnown(secretVariable, name)] as const)))
  return { ...request, environment: { ...whole, canonical: fillCredentials(whole.canonical, (name) => values.get(name)) } }
}

type FileEnvironment = Exclude<Environment, { readonly kind: 'user-managed' }>

async function restored(project: Project, environment: FileEnvironment): Promise<FileEnvironment> {
  const canonical = restoreCredentials(environment.canonical, await asToday(project, environment))
  const [missing] = hiddenAddresses(canonical)
  if (missing === undefined) return { ...environment, canonical }
  throw new ErrandError('CREDENTIALS_MISSING', `${environment.file} no longer has the credentials of ${missing}, and a run keeps none.`, {
    hint: 'Put the address back into the file, or submit again with the file as it is now.',
  })
}

/** The file's text, which may have mistakes by now, and what it means. */
async function asToday(project: Project, { kind, file }: FileEnvironment): Promise<JsonValue> {
  const bytes = await readFile(join(project.directory, file)).catch(() => undefined)
  if (bytes === undefined) return null
  const load = kind === 'conda' ? loadCondaDependencies(project, file) : loadRequirements(project, file, bytes, [])
  const canonical = await load.then((read) => read.file.canonical).catch(() => null)
  return [bytes.toString(), canonical]
}

/** One that is kept nowhere here may be a variable of the place: pip and uv fill it in there. */
async function secretIfKnown(secretVariable: OpenTarget['secretVariable'], name: string): Promise<string | undefined> {
  try {
    return await secretVariable(name)
  } catch (error) {
    if (errorCode(error) === 'SECRET_NOT_FOUND') return undefined
    throw error
  }
}
