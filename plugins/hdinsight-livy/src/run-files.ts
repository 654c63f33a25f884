import type { CollectedFile, CollectedFiles } from '@errand/agent'
import { ErrandError } from '@errand/core'
import type { Call, StoredRun } from './stored-run.ts'

interface KeptFile extends CollectedFile {
  /** Where its content lies, below the run's folder. */
  readonly place: string
}

type KeptFiles = CollectedFiles<KeptFile>

const nothing: KeptFiles = { files: [] }

/** What the driver has kept of a run's files. A driver that was killed has kept nothing. */
export function openRunFiles(run: StoredRun) {
  let known: KeptFiles | undefined
  // That there are none yet is not remembered.
  const kept = async (call: Call): Promise<KeptFiles> => (known ??= await run.read<KeptFiles>('files.json', call)) ?? nothing

  return {
    async collect(include: readonly string[], call: Call) {
      const matches = globMatcher(include)
      const { files, directories = [], links = [], unreadable = [] } = await kept(call)
      return {
        files: files.filter(({ path }) => matches(path)),
        directories: directories.filter((path) => matches(`${path}/x`)),
        links: links.filter(({ path }) => matches(path)),
        unreadable,
      }
    },
    async fetch(path: string, offset: number, limit: number, call: Call) {
      const file = (await kept(call)).files.find((one) => one.path === path)
      if (file === undefined) throw new ErrandError('FILE_UNKNOWN', `The run has no file ${path}.`)
      const body = await run.cluster.storage.read(`${run.folder}/${file.place}`, { offset, length: limit }, call)
      if (body === undefined)
        throw new ErrandError('FILE_UNKNOWN', `The file ${path} of the run is no longer in the storage of the cluster.`)
      return { size: file.size, body }
    },
  }
}

/** As the agent's own: `*` and `?` inside a name, `**` across folders. */
export function globMatcher(globs: readonly string[]): (path: string) => boolean {
  const parts = globs.map((glob) =>
    glob.replace(/^\.\//, '').replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (found) => globWords[found] ?? `\\${found}`),
  )
  const pattern = new RegExp(`^(?:${parts.join('|')})$`, 's')
  return (path) => pattern.test(path)
}

const globWords: Readonly<Record<string, string>> = { '**/': '(?:[^/]+/)*', '**': '.*', '*': '[^/]*', '?': '[^/]' }
