import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { bringDebianPackages } from './debian-packages.ts'
import { run } from './run-program.ts'

export interface TestAccount {
  readonly user: string
  readonly home: string
  readonly password: string
}

/** Installs OpenSSH's server when it is missing, without starting the system's own. */
export function bringOpenSsh(): void {
  if (!existsSync('/usr/sbin/sshd')) bringDebianPackages(['openssh-server'])
}

const shells = { bash: '/bin/bash', tcsh: '/bin/tcsh', fish: '/usr/bin/fish' } as const
const folder = '/var/lib/errand-test'

export interface AccountSettings {
  readonly shell?: keyof typeof shells | undefined
  /** `docker`: in the group of that name. `sudo`: may become root without a password. */
  readonly may?: 'docker' | 'sudo' | undefined
}

/** An ordinary account of this machine, made once for each kind. Its password is random and known to root alone. */
export function bringAccount({ shell = 'bash', may }: AccountSettings): TestAccount {
  const path = shells[shell]
  if (!existsSync(path)) bringDebianPackages([shell])
  const user = ['errandtest', ...(shell === 'bash' ? [] : [shell]), ...(may === undefined ? [] : [may])].join('-')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = `${folder}/${user}`
  if (!exists(user)) {
    run('useradd', ['--create-home', '--shell', path, user])
    rmSync(file, { force: true })
  }
  if (!existsSync(file)) {
    const password = randomBytes(18).toString('base64url')
    run('chpasswd', [], `${user}:${password}\n`)
    writeFileSync(file, password, { mode: 0o600 })
  }
  if (may === 'docker') run('usermod', ['--append', '--groups', 'docker', user])
  if (may === 'sudo') allowSudo(user)
  return { user, home: `/home/${user}`, password: readFileSync(file, 'utf8') }
}

function allowSudo(user: string): void {
  if (!existsSync('/usr/bin/sudo')) bringDebianPackages(['sudo'])
  writeFileSync(`/etc/sudoers.d/${user}`, `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 })
}

function exists(user: string): boolean {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${user}:`))
}
