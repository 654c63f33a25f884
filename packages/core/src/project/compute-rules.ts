import { isIP } from 'node:net'
import type { JsonValue } from '../json.ts'
import type { DiagnosticList } from './diagnostic.ts'
import type { TargetFile } from './model.ts'
import { isPlaceholder } from './secret-text.ts'

type Rule = (target: TargetFile, diagnostics: DiagnosticList) => void

/** Rules of `.compute` files that hold whatever the type's schema says. */
export function targetRules(target: TargetFile, diagnostics: DiagnosticList): void {
  for (const rule of [addressRule, clusterAddressRule, imageRule, passwordRule, shareRule]) rule(target, diagnostics)
}

const addressRule: Rule = ({ values: { address }, position }, diagnostics) => {
  if (typeof address !== 'string') return
  const problem = addressProblem(address)
  if (problem !== undefined)
    diagnostics.error('ADDRESS_INVALID', `address: ${problem}`, position('address'), 'write `address: host` or `address: host:port`')
}

/** What is wrong with an address, in words that follow a colon; undefined when nothing is. */
export function addressProblem(address: string): string | undefined {
  if (address.includes('://')) return 'a host name is wanted, not a URL'
  if (/\s/.test(address)) return 'a host name has no blanks'
  if (isIP(address) === 6) return undefined
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(.*))?$/.exec(address) ?? []
  if (host === undefined) return 'write an IPv6 address with a port as [address]:port'
  if (host.startsWith('[') && isIP(host.slice(1, -1)) !== 6) return 'between [ and ] there must be an IPv6 address'
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    return 'the port must be a number from 1 to 65535'
  return undefined
}

const clusterAddressRule: Rule = ({ type, values: { address }, position }, diagnostics) => {
  if (type !== 'cluster' || typeof address !== 'string' || addressProblem(address) !== undefined) return
  const host = address.replace(/:\d+$/, '')
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0 || (host.split('.')[0] ?? '').endsWith('-ssh')) return
  diagnostics.warning(
    'CLUSTER_ADDRESS',
    'the address of an HDInsight cluster for SSH has -ssh in its name',
    position('address'),
    'like `address: mycluster-ssh.azurehdinsight.net`',
  )
}

const imageRule: Rule = ({ values: { baseDockerImage: image }, position }, diagnostics) => {
  if (typeof image !== 'string') return
  const at = position('baseDockerImage')
  if (image.includes('::')) {
    diagnostics.error(
      'IMAGE_NAME',
      `baseDockerImage: ${image} has two colons`,
      at,
      `write \`baseDockerImage: ${image.replaceAll(/:{2,}/g, ':')}\``,
    )
  } else if (/\s/.test(image)) diagnostics.error('IMAGE_NAME', 'baseDockerImage: the name of an image has no blanks', at)
}

const passwordRule: Rule = ({ name, values: { password }, position }, diagnostics) => {
  if (password === undefined || password === '') return
  const at = position('password')
  if (isCloudReference(password)) {
    const hint = `store it with \`errand secret set password --target ${name}\`, or use a key`
    diagnostics.note('PASSWORD_REFERENCE', 'password refers to a cloud store that is gone: no password here', at, hint)
  } else if (fileSecret(password) !== undefined) {
    const hint = `move it into the store with \`errand secret set password --target ${name}\` and delete the line`
    diagnostics.warning('PASSWORD_IN_FILE', 'password stands in plain text in the file', at, hint)
  }
}

const shareRule: Rule = ({ type, values, position }, diagnostics) => {
  if (!['docker', 'remotedocker'].includes(type) || values['nativeSharedDirectory'] === undefined || values['sharedVolumes'] === true)
    return
  diagnostics.note(
    'SHARE_NOT_MOUNTED',
    'nativeSharedDirectory has no effect without `sharedVolumes: true`: runs have no shared directory',
    position('nativeSharedDirectory'),
  )
}

/** `AzureMlSecret=target#user#hex`, or the older form without the first word. */
function isCloudReference(value: JsonValue): boolean {
  return typeof value === 'string' && (/^\s*AzureMlSecret=/i.test(value) || /^[^#\s]+#[^#]+#[0-9a-f]{16,}$/i.test(value.trim()))
}

/** The usable value of a secret's key in a `.compute` file: references to the vanished store and placeholders are none. */
export function fileSecret(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '' || isPlaceholder(value) || isCloudReference(value)) return undefined
  return value
}
