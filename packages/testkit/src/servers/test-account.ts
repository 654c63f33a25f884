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

/** An ordinary account of this machine, made once for each shell. Its password is random and known to root alone. */
export function bringAccount(shell: keyof typeof shells): TestAccount {
  const path = shells[shell]
  if (!existsSync(path)) bringDebianPackages([shell])
  const user = shell === 'bash' ? 'errandtest' : `errandtest-${shell}`
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
  return { user, home: `/home/${user}`, password: readFileSync(file, 'utf8') }
}

function exists(user: string): boolean {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${user}:`))
}
