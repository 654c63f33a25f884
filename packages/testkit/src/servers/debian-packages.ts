import { existsSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './run-program.ts'

/** Installs packages of Debian that are missing, without starting their services. */
export function bringDebianPackages(names: readonly string[]): void {
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  // Debian asks this program whether an installed service may start: 101 is no.
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const wait = ['-o', 'DPkg::Lock::Timeout=600', '-q']
    run('apt-get', [...wait, 'update'])
    run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...missing])
  } finally {
    if (ours) rmSync(policy, { force: true })
  }
}

const isInstalled = (name: string): boolean => installedPackages().some((item) => item.name === name || item.provides.includes(name))

export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly provides: readonly string[]
  /** Each is satisfied by one of several names. */
  readonly depends: readonly (readonly string[])[]
}

/** What is installed on this machine. */
function installedPackages(): readonly DebianPackage[] {
  const fields = ['db:Status-Status', 'Package', 'Version', 'Provides', 'Depends', 'Pre-Depends']
  const lines = run('dpkg-query', ['--show', `--showformat=${fields.map((field) => `\${${field}}`).join('\\t')}\\n`]).split('\n')
  return lines.flatMap((line) => {
    const [status, name = '', version = '', provides = '', depends = '', before = ''] = line.split('\t')
    if (status !== 'installed') return []
    return [{ name, version, provides: names(provides).flat(), depends: [...names(depends), ...names(before)] }]
  })
}

/** `a (>= 1) | b, c:any` is `[[a, b], [c]]`. */
const names = (relation: string): string[][] =>
  relation
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => part.split('|').map((name) => /^\s*([^\s:(]+)/.exec(name)?.[1] ?? ''))

/** The packages with all that they depend on, without those of `leftOut` and what only these need. */
export function withDependencies(wanted: readonly string[], leftOut: readonly string[]): readonly DebianPackage[] {
  const installed = installedPackages()
  const byName = new Map<string, DebianPackage>()
  for (const item of installed) for (const name of item.provides) byName.set(name, item)
  for (const item of installed) byName.set(item.name, item)
  const found = new Map<string, DebianPackage>()
  const open = [...wanted]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const item = byName.get(name)
    if (item === undefined || found.has(item.name) || leftOut.includes(item.name)) continue
    found.set(item.name, item)
    for (const choices of item.depends) open.push(choices.find((choice) => byName.has(choice)) ?? '')
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Absolute paths of what the packages installed, each in the folder that it is really in. */
export function packageFiles(packages: readonly DebianPackage[]): readonly string[] {
  const folders = new Map<string, string>()
  const real = (folder: string): string => {
    const known = folders.get(folder) ?? (existsSync(folder) ? realpathSync(folder) : folder)
    folders.set(folder, known)
    return known
  }
  const listed = run('dpkg-query', ['--listfiles', ...packages.map(({ name }) => name)]).split('\n')
  return listed.filter((path) => path.startsWith('/') && path !== '/.').map((path) => join(real(dirname(path)), basename(path)))
}
