import { cpSync, readFileSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Finished, type Project, makeProject, repository } from './errand.ts'

/** A copy of an example as a project of its own, run by the interpreter that `python` names or by the default one. */
export function exampleProject(example: 'iris' | 'churn' | 'spark-wordcount', python?: string): Project {
  const project = makeProject({})
  rmSync(project.directory, { recursive: true })
  cpSync(join(repository, 'examples', example), project.directory, {
    recursive: true,
    filter: (source) => !/\/(\.errand|results|__pycache__)$/.test(source),
  })
  if (python !== undefined) project.write('aml_config/local.compute', `type: local\npythonLocation: ${python}\n`)
  return project
}

/** The record of the newest run, with its metrics. */
export async function lastRecord(project: Project) {
  return JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
}

export const submit = (project: Project, ...words: readonly string[]): Promise<Finished> =>
  project.errand('submit', '-c', 'local', ...words)

/** A file that the newest run has left. */
export async function lastArtifact(project: Project, name: string): Promise<string> {
  return (await project.errand('history', 'last', '--artifact', name)).stdout
}

export const answers = (python: string, program: string) => spawnSync(python, ['-c', program]).status === 0

export const readText = (project: Project, path: string) => readFileSync(join(project.directory, path), 'utf8')
