import type { CollectedFile, CollectedFiles } from '@errand/agent'
import { ErrandError } from '@errand/core'
import type { Call, StoredRun } from './stored-run.ts'

interface KeptFile extends CollectedFile {
  /** Where its content lies, below the run's folder. */
  readonly place: string
}

type KeptFiles = CollectedFiles<KeptFile>

/** What the driver has kept of a run's files: all of them after its end; until then, or when it was killed, what it had brought by its last look. */
export function openRunFiles(run: StoredRun) {
  let whole: KeptFiles | undefined
  let latest: KeptFiles | undefined
  const look = async (call: Call): Promise<KeptFiles> => {
    whole ??= await run.read<KeptFiles>('files.json', call)
    return (latest = whole ?? (await unfinished(run, call)))
  }

  return {
    async collect(include: readonly string[], call: Call) {
      const matches = globMatcher(include)
      const { files, directories = [], links = [], unreadable = [], tooLong = [] } = await look(call)
      return {
        files: files.filter(({ path }) => matches(path)),
        directories: directories.filter((path) => matches(`${path}/x`)),
        links: links.filter(({ path }) => matches(path)),
        unreadable,
        // The driver looks through the whole folder; each of these is a file, or a folder of unknown content.
        tooLong: tooLong.filter((path) => matches(path) || matches(`${path}/x`)),
      }
    },
    async fetch(path: string, offset: number, limit: number, call: Call) {
      const file = (latest ?? (await look(call))).files.find((one) => one.path === path)
      if (file === undefined) throw new ErrandError('FILE_UNKNOWN', `The run has no file ${path}.`)
      const body = await run.cluster.storage.read(`${run.folder}/${file.place}`, { offset, length: limit }, call)
      if (body === undefined)
        throw new ErrandError('FILE_UNKNOWN', `The file ${path} of the run is no longer in the storage of the cluster.`)
      return { size: file.size, body }
    },
  }
}

async function unfinished(run: StoredRun, call: Call): Promise<KeptFiles> {
  const kept = (await latestList(run, call)) ?? { files: [] }
  const known = new Set(kept.files.map(({ path }) => path))
  const files = [...kept.files]
  for await (const file of writtenBySpark(run, 'outputs', call)) if (!known.has(file.path)) files.push(file)
  return { ...kept, files }
}

/** A list is removed when the next one is there. */
async function latestList(run: StoredRun, call: Call): Promise<KeptFiles | undefined> {
  for (;;) {
    const names = ((await run.cluster.storage.list(`${run.folder}/kept`, call)) ?? []).map(({ name }) => name)
    const numbers = names.filter((name) => /^\d+\.json$/.test(name)).map((name) => Number.parseInt(name, 10))
    if (numbers.length === 0) return undefined
    const list = await run.read<KeptFiles>(`kept/${Math.max(...numbers)}.json`, call)
    if (list !== undefined) return list
  }
}

/** Spark writes below `_temporary` what is not yet whole. */
async function* writtenBySpark(run: StoredRun, folder: string, call: Call): AsyncGenerator<KeptFile> {
  for (const { name, type, size, modified } of (await run.cluster.storage.list(`${run.folder}/work/${folder}`, call)) ?? []) {
    const path = `${folder}/${name}`
    if (type === 'FILE' && !name.endsWith('.crc'))
      yield { path, size, mtime_ns: `${modified}000000`, executable: false, place: `work/${path}` }
    else if (type === 'DIRECTORY' && name !== '_temporary') yield* writtenBySpark(run, path, call)
  }
}

/** As the agent's own: `*` and `?` inside a name, `**` across folders. */
function globMatcher(globs: readonly string[]): (path: string) => boolean {
  const parts = globs.map((glob) =>
    glob.replace(/^\.\//, '').replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (found) => globWords[found] ?? `\\${found}`),
  )
  const pattern = new RegExp(`^(?:${parts.join('|')})$`, 's')
  return (path) => pattern.test(path)
}

const globWords: Readonly<Record<string, string>> = { '**/': '(?:[^/]+/)*', '**': '.*', '*': '[^/]*', '?': '[^/]' }
