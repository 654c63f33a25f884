import { pathToFileURL } from 'node:url'
import { ErrandError, errorMessage } from '../errors.ts'
import { isObject } from '../json-object.ts'
import type { TargetDefinition } from '../target.ts'
import { contract, contractReason } from './contract.ts'
import type { InstalledTarget, InstalledTargets } from './installed-targets.ts'

/**
 * Imports the definition of one type; its implementation stays unloaded.
 * @throws ErrandError TARGET_TYPE_NOT_INSTALLED, TARGET_TYPE_UNKNOWN, TARGET_PACKAGE_BROKEN, TARGET_PACKAGE_TOO_NEW
 */
export async function loadDefinition(type: string, installed: InstalledTargets): Promise<TargetDefinition> {
  const target = installed.targets.find((candidate) => candidate.type === type)
  if (target === undefined) throw await missing(type, installed)
  const definition = await importDefinition(target)
  if (!isObject(definition)) throw unusable(target, 'its module has no default export that describes a target')
  if (definition['contract'] !== contract) throw tooNew(target, definition['contract'])
  if (!isDefinition(definition)) throw unusable(target, 'its definition lacks `type`, `config`, `capabilities` or `load`')
  return definition
}

async function importDefinition(target: InstalledTarget): Promise<unknown> {
  try {
    const module: unknown = await import(pathToFileURL(target.module).href)
    return isObject(module) ? module['default'] : undefined
  } catch (error) {
    throw unusable(target, errorMessage(error), error)
  }
}

async function missing(type: string, { targets, broken: brokenPackages }: InstalledTargets): Promise<ErrandError> {
  const { targetTypes } = await import('../project/index.ts')
  const known = targetTypes.find((candidate) => candidate.type === type || candidate.aliases.includes(type))
  const blamed = brokenPackages.find((candidate) => candidate.package === known?.package || candidate.reason.includes(`"${type}"`))
  if (blamed !== undefined) {
    return new ErrandError(
      'TARGET_PACKAGE_BROKEN',
      `The package ${blamed.package} of target type "${type}" can't be used: ${blamed.reason}.`,
      {
        hint: blamed.reason.includes('several packages')
          ? 'Uninstall all of these packages but one.'
          : `errand plugins install ${blamed.package}`,
      },
    )
  }
  if (known !== undefined) {
    return new ErrandError('TARGET_TYPE_NOT_INSTALLED', `The target type "${type}" is not installed.`, {
      hint: `errand plugins install ${known.package}`,
    })
  }
  const words = [...new Set([...targetTypes.map((candidate) => candidate.type), ...targets.map((target) => target.type)])]
  return new ErrandError('TARGET_TYPE_UNKNOWN', `There is no target type "${type}".`, { hint: `Known types: ${words.join(', ')}.` })
}

function unusable(target: InstalledTarget, reason: string, cause?: unknown): ErrandError {
  return new ErrandError(
    'TARGET_PACKAGE_BROKEN',
    `The package ${target.package} of target type "${target.type}" can't be used: ${reason}.`,
    {
      hint: `errand plugins install ${target.package}`,
      cause,
    },
  )
}

function tooNew(target: InstalledTarget, found: unknown): ErrandError {
  return new ErrandError(
    'TARGET_PACKAGE_TOO_NEW',
    `The package ${target.package} ${target.version} can't be used: ${contractReason(found)}.`,
    {
      hint: `Install the versions of errand and ${target.package} that belong together.`,
    },
  )
}

function isDefinition(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & TargetDefinition {
  const capabilities = value['capabilities']
  return (
    typeof value['type'] === 'string' &&
    typeof value['load'] === 'function' &&
    (typeof value['config'] === 'object' || typeof value['config'] === 'function') &&
    value['config'] !== null &&
    (typeof capabilities === 'function' || isObject(capabilities))
  )
}
