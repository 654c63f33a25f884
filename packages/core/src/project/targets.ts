import { ErrandError } from '../errors.ts'
import { hasErrors, throwErrors } from './diagnostic.ts'
import { readTarget } from './compute.ts'
import { listConfigurationFiles, readProjectFile, sameNamedElsewhere } from './files.ts'
import type { ListedTarget, Project, TargetFile } from './model.ts'
import { didYouMean } from './near-name.ts'

/** `local` needs no file. */
const implicitLocal: TargetFile = {
  name: 'local',
  type: 'local',
  values: {},
  diagnostics: [],
  position: () => undefined,
  textOf: () => undefined,
}

/** All targets of a project by name, `local` always among them. Broken files are in, with their errors. */
export async function listTargets(project: Project): Promise<readonly ListedTarget[]> {
  const listed: ListedTarget[] = []
  for (const { name, file } of await listConfigurationFiles(project, '.compute')) {
    const { type, values, diagnostics } = readTarget(name, await readProjectFile(project, file))
    const address = values['address']
    listed.push({
      name,
      file,
      ...(type === undefined ? {} : { type }),
      ...(typeof address === 'string' ? { address } : {}),
      diagnostics,
    })
  }
  if (!listed.some(({ name }) => name === 'local')) listed.push({ name: 'local', type: 'local', diagnostics: [] })
  return listed.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Loads a target. Errors: `CONFIGURATION_INVALID` with every error of its file, `TARGET_NOT_FOUND` with near names. */
export async function loadTarget(project: Project, name: string): Promise<TargetFile> {
  const files = await listConfigurationFiles(project, '.compute')
  const found = files.find((file) => file.name === name)
  if (found === undefined) {
    if (name === 'local') return implicitLocal
    throw await targetNotFound(
      project,
      name,
      files.map((file) => file.name),
    )
  }
  const target = readTarget(name, await readProjectFile(project, found.file))
  throwErrors(target.diagnostics)
  if (target.type === undefined || hasErrors(target.diagnostics))
    throw new ErrandError('CONFIGURATION_INVALID', `${found.file} has no type.`)
  return { ...target, type: target.type }
}

export async function targetNotFound(project: Project, name: string, known: readonly string[]): Promise<ErrandError> {
  const elsewhere = await sameNamedElsewhere(project, `${name}.compute`)
  const moved = elsewhere.map((path) => `${path} is not read: move it to ${project.configurationDirectory}/`)
  const names = [...new Set([...known, 'local'])]
  const hint = [...moved, didYouMean(name, names) ?? `the targets are ${names.join(', ')}`].join('; ')
  const file = `${project.configurationDirectory}/${name}.compute`
  return new ErrandError('TARGET_NOT_FOUND', `There is no target ${name}: ${file} does not exist.`, { hint })
}
