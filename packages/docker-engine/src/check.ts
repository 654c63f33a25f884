import type { CallOptions, Finding, Host } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'
import { engineFindings } from './engine-findings.ts'
import type { ContainerSettings } from './container-settings.ts'

/** Looks at the engine for the settings of a target, changing nothing. */
export async function* check(
  client: Host,
  opened: (options: CallOptions) => Promise<OpenedEngine>,
  options: CallOptions,
): AsyncGenerator<Finding> {
  let settings: ContainerSettings & { readonly baseDockerImage?: string | undefined } = {}
  const engine = async (call: CallOptions) => {
    const found = await opened(call)
    settings = found.place.settings
    return found.engine
  }
  // The place, and with it its settings, may be known only when it was reached.
  await engine(options).catch(() => undefined)
  const { baseDockerImage, gpus, nvidiaDocker } = settings
  const expected = {
    client,
    gpus: nvidiaDocker === true || gpus !== undefined,
    ...(baseDockerImage === undefined ? {} : { baseImage: baseDockerImage }),
  }
  yield* engineFindings(engine, expected, options)
}
