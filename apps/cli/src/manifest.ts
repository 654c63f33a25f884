import { readFileSync } from 'node:fs'

/** What the manifest of the built commands says, as far as it is read without oclif. */
export interface Manifest {
  readonly commands: Readonly<Record<string, ManifestCommand>>
}

export interface ManifestCommand {
  /** Parts are separated by colons. */
  readonly id: string
  readonly summary?: string
  readonly hidden?: boolean
  readonly aliases: readonly string[]
  readonly hiddenAliases: readonly string[]
  readonly args: Readonly<Record<string, { readonly multiple?: boolean; readonly options?: readonly string[] }>>
  readonly flags: Readonly<Record<string, ManifestFlag>>
}

export interface ManifestFlag {
  readonly type: 'boolean' | 'option'
  readonly summary?: string
  readonly char?: string
  readonly aliases?: readonly string[]
  readonly options?: readonly string[]
  readonly multiple?: boolean
  readonly hidden?: boolean
  readonly helpGroup?: string
}

/** The command that the first words name by any of its names, and how many words these are. */
export function commandOf(
  words: readonly string[],
  manifest: Manifest,
): { readonly command: ManifestCommand; readonly length: number } | undefined {
  for (const length of [3, 2, 1]) {
    const id = words.slice(0, length).join(':')
    const command = Object.values(manifest.commands).find((one) => [one.id, ...one.aliases, ...one.hiddenAliases].includes(id))
    if (command !== undefined && words.length >= length) return { command, length }
  }
  return undefined
}

export function readManifest(): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(new URL('./oclif.manifest.json', import.meta.url), 'utf8'))
  return manifest
}
