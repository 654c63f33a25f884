import { type Credential, replaceCredentials } from '@errand/core'
import type { EnvironmentContent } from './content.ts'

/** A dependency file without the logins of repositories, and what git has them from. */
export interface GitLogins {
  readonly content: EnvironmentContent
  readonly files: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
}

interface Login {
  readonly origin: string
  readonly path: string
  readonly text: string
}

const file = 'git-credentials'

/**
 * git names the address of a repository in the arguments of its programs, which every user of a machine can read: a login stands in a file that
 * one of git's own programs reads. `GIT_CONFIG_PARAMETERS` is what `git -c` sets, in every version.
 */
export function gitLogins(content: EnvironmentContent, folder: string): GitLogins {
  const logins: Login[] = []
  const without = (text: string): string => text.replaceAll(/git\+https?:\/\/\S+/gi, (address) => withoutLogin(address, logins))
  const changed: EnvironmentContent = {
    ...content,
    pip: content.pip.map(without),
    pipOptions: content.pipOptions.map(({ name, value }) => (value === undefined ? { name } : { name, value: without(value) })),
  }
  if (logins.length === 0) return { content, files: {}, environment: {} }
  const byOrigin = Object.entries(Object.groupBy(logins, ({ origin }) => origin))
  const lines = logins.map(({ origin, path, text }) => `${origin.replace('://', () => `://${lineLogin(text)}@`)}${path}\n`)
  return {
    content: changed,
    files: { [file]: [...new Set(lines)].join('') },
    environment: {
      [`ERRAND_${variable}`]: `${folder}/${file}`,
      GIT_CONFIG_PARAMETERS: byOrigin.map(([origin, of = []]) => settings(origin, of)).join(' '),
    },
  }
}

const variable = 'GIT_LOGINS'

/** The place's own helpers could have another login for this host. */
function settings(origin: string, logins: readonly Login[]): string {
  const helper = `!f() { test "$1" = get && git credential-store --file="$ERRAND_${variable}" get; }; f`
  const several = new Set(logins.map(({ text }) => text)).size > 1
  return ['helper=', `helper=${helper}`, `useHttpPath=${several}`].map((setting) => `'credential.${origin}.${setting}'`).join(' ')
}

/** git's file ends a login at the first of these, also where uv takes them for a part of it. */
const lineLogin = (text: string): string => (text.includes(':') ? text : `${text}:`).replaceAll(/[@/?#]/g, encodeURIComponent)

/** A variable that the place knows, and git's file does not; an image has names of ours. */
const ofPlace = /\$\{(?!ERRAND_)[A-Za-z_]\w*\}/

/** A variable that the place knows stays one. */
function withoutLogin(address: string, logins: Login[]): string {
  let login: Credential | undefined
  const rest = replaceCredentials(address, (credential) => {
    if (credential.kind !== 'login' || ofPlace.test(credential.text)) return credential.text
    login = credential
    return '\0'
  }).replace('\0@', '')
  const [, origin, path = ''] = /^git\+(https?:\/\/[^/\s]+)(\/[^\s#?@]*)?/i.exec(rest) ?? []
  if (login === undefined || origin === undefined) return address
  logins.push({ origin, path, text: login.text })
  return rest
}
