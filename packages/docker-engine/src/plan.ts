import type { CallOptions, EnvironmentRequest, Plan, RunRequest, TargetContext } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'
import { planEnvironment } from './environment.ts'
import { containerName } from './run-container.ts'
import { storeFolder } from './store-volume.ts'

/** What `prepare` and `submit` would do. */
export async function plan(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: EnvironmentRequest | RunRequest,
  options: CallOptions,
): Promise<Plan> {
  const { environment, steps } = await planEnvironment(context, opened, request, options)
  if (!('snapshot' in request)) return { environment, steps }
  const files = request.snapshot.entries.filter((entry) => entry.kind === 'file')
  return {
    environment,
    upload: { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) },
    steps: [
      ...steps,
      `make the container ${containerName(request.runId)} on ${opened.engine.host.name}`,
      `copy the project to ${storeFolder}/runs/${request.runId}/work in its volume`,
      `${request.framework === 'pyspark' ? 'spark-submit' : 'python'} ${request.script}`,
    ],
  }
}
