import { lstatSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { ErrandError } from '../errors.ts'
import { type RunRecord, readArtifact } from '../history/index.ts'
import type { RunContext } from './context.ts'

/** A file of a run and where it would go in the project. */
export interface ReturnedFile {
  /** In the run's folder and in the project, forward slashes. */
  readonly path: string
  readonly destination: string
  /** There is a file in the project, and it stays. */
  readonly kept: boolean
  content(): Iterable<Uint8Array>
}

/** Folders at the top of a run that are no results. */
const notReturned: ReadonlySet<string> = new Set(['.git', '.azureml', '.errand', 'azureml-setup', 'azureml-logs'])

/** The files that a run has brought, on their way back into the project. Error: `ARTIFACT_NAME_INVALID`. */
export function returnFiles(context: RunContext, run: RunRecord, { overwrite }: { readonly overwrite: boolean }): readonly ReturnedFile[] {
  return context.history
    .artifacts(run.id)
    .filter(({ path, size }) => size !== undefined && !notReturned.has(path.split('/')[0] ?? ''))
    .map(({ path }) => {
      const destination = join(context.project.directory, path)
      const inside = relative(context.project.directory, destination)
      if (inside.startsWith('..') || isAbsolute(inside))
        throw new ErrandError('ARTIFACT_NAME_INVALID', `The file ${path} of ${run.id} would be written outside the project.`)
      const kept = !overwrite && lstatSync(destination, { throwIfNoEntry: false }) !== undefined
      return { path, destination, kept, content: () => readArtifact(context.history, run, path) }
    })
}
