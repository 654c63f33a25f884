import ssh2 from 'ssh2'
import { ErrandError, type Host, errorCode } from '@errand/core'
import { keyFile, readKey, writeKey } from '@errand/core/secrets'

export interface ProjectKey {
  /** The private key's file, outside the project, for its owner alone. */
  readonly file: string
  /** `ssh-ed25519 AAAA… errand-<project>`: the one line for `~/.ssh/authorized_keys`. */
  readonly publicLine: string
  readonly created: boolean
}

/** The project's own ed25519 key, made when there is none yet. It is kept under the project's id, where `key export` and `import` find it. */
export function bringProjectKey(
  project: { readonly id: string; readonly name: string },
  environment: NodeJS.ProcessEnv = process.env,
): ProjectKey {
  const comment = `errand-${project.name.replaceAll(/[^\w.-]+/g, '-')}`
  const file = keyFile(project.id, environment)
  const present = readKey(project.id, environment)
  if (present !== undefined) return { file, publicLine: publicLineOf(present, file, comment), created: false }
  const text = ssh2.utils.generateKeyPairSync('ed25519', { comment }).private
  try {
    writeKey(project.id, text, { environment })
  } catch (error) {
    if (errorCode(error) !== 'KEY_EXISTS') throw error
    // Another process was quicker.
    return bringProjectKey(project, environment)
  }
  return { file, publicLine: publicLineOf(text, file, comment), created: true }
}

function publicLineOf(text: string, file: string, comment: string): string {
  const parsed = ssh2.utils.parseKey(text)
  if (parsed instanceof Error)
    throw new ErrandError('KEY_UNREADABLE', `${file} can't be read as a private key: ${parsed.message}.`, {
      hint: `Make its public half: ssh-keygen -y -f '${file}' > '${file}.pub'`,
    })
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')} ${comment}`
}

const installScript = `umask 077
folder=$HOME/.ssh
file=$folder/authorized_keys
mkdir -p "$folder" || exit 1
if [ -f "$file" ] && grep -v '^[[:space:]]*#' "$file" | grep -qF -e "$2"; then echo present; exit 0; fi
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file" || exit 1; fi
printf '%s\\n' "$1" >> "$file" || exit 1
chmod go-w "$folder" "$file" && echo added`

/**
 * Puts a public key into the account's `~/.ssh/authorized_keys`, once: `present` when it is there already.
 * Error: `KEY_NOT_INSTALLED`, with the line to be added by hand.
 */
export async function installPublicKey(host: Host, publicLine: string, signal: AbortSignal): Promise<'added' | 'present'> {
  const line = publicLine.trim()
  const [, blob = ''] = line.split(/\s+/)
  const { exitCode, stdout, stderr } = await host.run(['/bin/sh', '-c', installScript, 'sh', line, blob], { signal })
  const said = stdout.toString('utf8').trim()
  if (exitCode === 0 && (said === 'added' || said === 'present')) return said
  const reason = stderr.toString('utf8').trim().split('\n').at(-1) ?? ''
  throw new ErrandError('KEY_NOT_INSTALLED', `The key could not be added to ~/.ssh/authorized_keys on ${host.name}: ${reason}`, {
    hint: `Add this line there: ${line}`,
  })
}
