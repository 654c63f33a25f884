import type { JsonSchema, SchemaFile } from '@errand/core/project'
import { targetRoots } from './target-roots.ts'

/** Schemas of the configuration files, with what the installed types of targets add. A type that can't be loaded adds nothing. */
export async function installedSchemas(dataDirectory: string): Promise<Readonly<Record<SchemaFile, JsonSchema>>> {
  const [{ configurationSchemas }, { openTargetCatalogue }] = await Promise.all([
    import('@errand/core/project'),
    import('@errand/core/targets'),
  ])
  const catalogue = openTargetCatalogue(targetRoots(dataDirectory))
  const { targets } = await catalogue.installed()
  const definitions = await Promise.all(targets.map(async ({ type }) => catalogue.definition(type).catch(() => undefined)))
  return configurationSchemas(definitions.filter((definition) => definition !== undefined))
}
