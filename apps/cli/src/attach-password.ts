import { ErrandError, type TargetContext } from '@errand/core'
import type { Screen } from './render/screen.ts'

export interface PasswordChoice {
  readonly password: string | undefined
  readonly fromStandardInput: boolean
  readonly target: string
  /** Whether the type takes `-k`. */
  readonly offersKey: boolean
}

/**
 * The password for a new target: from the command line, with a warning; from standard input; or asked for twice, hidden. Undefined when
 * nobody can be asked. Errors: `PASSWORD_TWICE`, `PASSWORD_EMPTY`, `PASSWORDS_DIFFER`.
 */
export async function choosePassword(
  screen: Screen,
  ask: TargetContext<unknown>['ask'],
  { password, fromStandardInput, target, offersKey }: PasswordChoice,
): Promise<string | undefined> {
  if (password !== undefined && fromStandardInput)
    throw new ErrandError('PASSWORD_TWICE', 'The password is given by --password and by --password-stdin.', {
      hint: 'Leave one of them away.',
    })
  if (password !== undefined) {
    const key = offersKey ? ' With -k no password is needed afterwards: it makes a key of the project.' : ''
    screen.notice(`WARNING: a password on the command line stays in the history of your shell. Without --password it is asked for.${key}`)
    return filled(password)
  }
  if (fromStandardInput) return filled(await (await import('./prompt.ts')).readStandardInput())
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    screen.notice(
      `No password is kept for ${target}: keys and the SSH agent are used. To keep one: errand secret set password --target ${target}`,
    )
    return undefined
  }
  const question = (text: string) => ask({ kind: 'hidden', text, withoutTerminal: { hint: '--password-stdin' } })
  const way = offersKey ? 'To log in without a password: -k makes a key of the project, --no-password takes your own keys.\n' : ''
  const first = filled(await question(`${way}Password for ${target}:`))
  if ((await question('Re-enter password for confirmation:')) !== first)
    throw new ErrandError('PASSWORDS_DIFFER', 'The two passwords differ.', { hint: 'Nothing was written. Try again.' })
  return first
}

function filled(password: string): string {
  if (password !== '') return password
  throw new ErrandError('PASSWORD_EMPTY', 'The password is empty.', {
    hint: 'Nothing was written. To log in with a key: --use-azureml-ssh-key; with your own keys or the SSH agent: --no-password',
  })
}
