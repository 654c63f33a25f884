import { bundleRoom } from '../../bundle.ts'

// Runs in the build, behind the compiler.
await bundleRoom(import.meta.dirname)
