import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { ErrandError, type TargetContext, errorCode, errorMessage } from '@errand/core'
import type { ClusterConfig } from './target.ts'

/**
 * What the services of the cluster are believed with beside the system's own authorities. A relative path begins in the project. Error:
 * `CERTIFICATE_UNREADABLE`.
 */
export async function readCertificate({
  config,
  target,
  project,
}: TargetContext<ClusterConfig>): Promise<{ readonly certificateAuthority?: string }> {
  const named = config.certificateAuthority
  if (named === undefined) return {}
  const file = resolve(project.directory, named.replace(/^~(?=[/\\])/, homedir()))
  const refuse = (what: string, cause?: unknown) => {
    const hint = `Put the gateway's certificate there as PEM, or correct certificateAuthority in ${target.name}.compute; without the key the system's authorities hold.`
    return new ErrandError('CERTIFICATE_UNREADABLE', `${target.name}.compute: certificateAuthority names ${file}, ${what}.`, {
      cause,
      hint,
    })
  }
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse(errorCode(error) === 'ENOENT' ? 'which is not there' : `which can't be read: ${errorMessage(error)}`, error)
  })
  if (!isCertificate(text)) throw refuse('which is no certificate in PEM')
  return { certificateAuthority: text }
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
