import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Plugin } from './oclif-core.ts'
import { builtDirectory, readPackage } from './oclif.ts'

// Runs at the end of the build: with the manifest, oclif knows every command without importing one.
const plugin = new Plugin({
  root: builtDirectory,
  pjson: readPackage(),
  isRoot: true,
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
})
await plugin.load()
writeFileSync(join(builtDirectory, 'oclif.manifest.json'), JSON.stringify(plugin.manifest))
