import type { CallOptions, EnvironmentRequest, Plan, RunRequest, SnapshotFile, TargetContext } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'
import { planEnvironment } from './environment.ts'
import { containerName } from './run-container.ts'
import { storeFolder, storeVolumes } from './store-volume.ts'

/** What `prepare` and `submit` would do. */
export async function plan(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: EnvironmentRequest | RunRequest,
  options: CallOptions,
): Promise<Plan> {
  const { environment, steps } = await planEnvironment(context, opened, request, options)
  if (!('snapshot' in request)) return { environment, steps }
  return {
    environment,
    upload: await planUpload(opened, request),
    steps: [
      ...steps,
      `make the container ${containerName(request.runId)} on ${opened.engine.host.name}`,
      `copy the project to ${storeFolder}/runs/${request.runId}/work in its volume`,
      `${request.framework === 'pyspark' ? 'spark-submit' : 'python'} ${request.script}`,
    ],
  }
}

/** Only a container could look into a volume, and a plan starts none: without a volume all is sent, otherwise that is the most. */
async function planUpload({ engine, place }: OpenedEngine, { snapshot }: RunRequest): Promise<NonNullable<Plan['upload']>> {
  const files = snapshot.entries.filter((entry) => entry.kind === 'file')
  const contents = new Map<string, SnapshotFile>()
  for (const file of files) if (!contents.has(file.digest)) contents.set(file.digest, file)
  const sent = [...contents.values()]
  const upload = { files: sent.length, bytes: sent.reduce((sum, file) => sum + file.size, 0) }
  const volumes = await storeVolumes(engine, place.owner)
  return volumes.length === 0 ? { ...upload, paths: sent.map(({ path }) => path) } : { ...upload, atMost: true }
}
