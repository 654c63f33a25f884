import { expect, it } from 'vitest'
import type { EnvironmentRequest, RunRequest } from '../src/request.ts'
import { rerun } from '../src/run/index.ts'
import { takeSnapshot } from '../src/snapshot/index.ts'
import { scriptedEvents, scriptedPlace, scriptedProject, type ScriptedProject } from './scripted-run.ts'

const lock = { provider: 'micromamba', packages: [{ name: 'pandas', version: '1.0', build: 'py_0' }] }
const environment = {
  kind: 'conda',
  file: 'aml_config/conda_dependencies.yml',
  text: 'dependencies: [pandas]\n',
  canonical: { conda: ['pandas'] },
  localFiles: [],
}

/** A run that was made in an environment of errand's. */
async function recorded({ context }: ScriptedProject): Promise<{ id: string; digest: string }> {
  const { project, history } = context
  const { snapshot } = await takeSnapshot({ directory: project.directory, state: history.directory, signal: new AbortController().signal })
  const request = {
    project: project.name,
    projectId: history.projectId,
    framework: 'python',
    environment,
    script: 'train.py',
    arguments: ['0.1'],
    variables: { COLOUR: 'blue' },
    secretVariables: [],
    outputs: ['outputs/**'],
    timeLimit: 60,
    snapshot: { digest: snapshot.digest },
    prepareEnvironment: false,
    tracked: true,
  }
  const { id } = history.create({
    kind: 'run',
    name: project.name,
    script: 'train.py',
    arguments: ['0.1'],
    runConfiguration: 'there',
    target: { name: 'there', type: 'there', config: { made: 'then' } },
    user: 'ada',
    request,
    properties: { CommitId: 'abc', Dirty: 'true' },
  })
  history.update(id, { state: 'failed', prepared: { environmentKey: 'k', lock } })
  return { id, digest: snapshot.digest }
}

it('holds the environment to the packages of the run, and asks for the same in everything else', async () => {
  await using project = await scriptedProject(scriptedPlace(scriptedEvents(['again'])))
  const { context } = project
  const { id, digest } = await recorded(project)
  const asked: { prepare?: EnvironmentRequest; build?: boolean; submit?: RunRequest; config?: unknown } = {}
  const definition = await context.targets.definition('there')
  const spying = {
    ...definition,
    load: async () => {
      const implementation = await definition.load()
      return {
        createTarget: async (lent: Parameters<typeof implementation.createTarget>[0]) => {
          asked.config = lent.config
          const target = await implementation.createTarget(lent)
          return {
            ...target,
            prepare: (request: EnvironmentRequest, options: Parameters<typeof target.prepare>[1]) => {
              asked.prepare = request
              asked.build = options.build
              return target.prepare(request, options)
            },
            submit: (...[request, prepared, options]: Parameters<typeof target.submit>) => {
              asked.submit = request
              return target.submit(request, prepared, options)
            },
          }
        },
      }
    },
  }
  const options = { runId: id, arguments: ['0.2'], signal: new AbortController().signal }
  const notes: string[] = []
  for await (const update of rerun({ ...context, targets: { definition: async () => spying } }, options)) {
    if (update.type === 'note') notes.push(update.message)
  }
  expect(asked).toMatchObject({ build: true, config: { made: 'then' }, prepare: { environment: { ...environment, lock } } })
  expect(asked.submit).toMatchObject({
    environment: { lock },
    variables: { COLOUR: 'blue' },
    timeLimit: 60,
    arguments: ['0.2'],
    snapshot: { digest },
  })
  const again = context.history.resolve('last')
  expect(again).toMatchObject({ rerunOf: id, state: 'completed', arguments: ['0.2'], request: { snapshot: { digest } } })
  expect(asked.submit?.runId).toBe(again.id)
  expect(context.history.list()[0]?.properties).toEqual({ CommitId: 'abc', Dirty: 'true' })
  expect(notes).toEqual(
    expect.arrayContaining([expect.stringContaining(digest), 'Its environment is held to the packages that it had (1).']),
  )
})
