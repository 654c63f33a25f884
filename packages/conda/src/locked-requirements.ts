import { type EnvironmentLock, ErrandError, dropCredentials } from '@errand/core'
import { optionLines } from './pip-options.ts'
import type { PipPart } from './pip-part.ts'

/** Turns a path of the project, as the list writes it, into that of the file at the place. */
export function locator({ content, locate }: PipPart): (text: string) => string {
  const files = new Map(content.localFiles.map((file) => [file.path, file]))
  return (text) => {
    const [, path = text, extras = ''] = /^(.*?)(\[[^\]]*\])?$/.exec(text) ?? []
    const file = files.get(projectPath(path))
    return file === undefined ? text : `${locate(file)}${extras}`
  }
}

const projectPath = (path: string): string => path.replaceAll('\\', '/').replace(/^(\.\/+)+/, '')

export const lockedPip = ({ pipItself }: PipPart, lock: EnvironmentLock) =>
  lock.packages.filter((item) => item.build === undefined && item.name !== 'python' && !(pipItself !== undefined && isPipFromNowhere(item)))

/** Requirements that have the packages of a lock and nothing else. */
export function lockedText(part: PipPart, lock: EnvironmentLock, tool: 'pip' | 'uv'): string {
  const asked = new Map(part.content.pip.flatMap(addressesOf).map((address) => [dropCredentials(address), address]))
  const lines = lockedPip(part, lock).map((item) => {
    if (item.url?.startsWith('./') === true) return localLine(part, item)
    const hash = item.hash === undefined ? '' : `#${item.hash.replace(':', '=')}`
    return item.url === undefined ? `${item.name}==${item.version}` : `${item.name} @ ${asked.get(item.url) ?? item.url}${hash}`
  })
  return [...optionLines(part.content.pipOptions, tool, locator(part)), ...lines].map((line) => `${line}\n`).join('')
}

/** A lock has none of the credentials that the file has. */
const addressesOf = (requirement: string): readonly string[] => requirement.match(/[A-Za-z][\w+.-]*:\/\/[^\s#]+/g) ?? []

function localLine({ content, locate }: PipPart, { name, url, hash }: EnvironmentLock['packages'][number]): string {
  const file = content.localFiles.find(({ digest }) => digest === hash)
  if (file !== undefined) return locate(file)
  throw new ErrandError(
    'LOCK_FILE_MISSING',
    `The lock wants ${name} from ${url ?? 'a file'} (${hash ?? 'no digest'}), which ${content.file} does not name.`,
    {
      hint: 'Put that file back into the project, or prepare without the lock.',
    },
  )
}

/** A lock that says where its pip came from needs nothing more. */
export function pipItselfOf({ pipItself, lock }: PipPart): string | undefined {
  if (pipItself === undefined || lock === undefined) return pipItself
  const locked = lock.packages.find(isPipFromNowhere)
  return locked === undefined ? undefined : `pip==${locked.version}`
}

const isPipFromNowhere = ({ name, build, url }: EnvironmentLock['packages'][number]): boolean =>
  name === 'pip' && build === undefined && url === undefined
