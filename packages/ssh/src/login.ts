import type { AnyAuthMethod, AuthenticationType, NextAuthHandler, ParsedKey, Prompt } from 'ssh2'
import { ErrandError, type Logger, type TargetContext, errorCode, errorMessage } from '@errand/core'
import { createKeyRing, findIdentities } from './key-ring.ts'
import type { ResolvedDestination } from './ssh-config.ts'

/** What a login may ask, and what it remembers from one connection to the next. */
export interface LoginContext {
  readonly destination: ResolvedDestination
  readonly log: Logger
  readonly ask: TargetContext<unknown>['ask']
  /** The stored password of this machine's account; undefined when there is none. */
  password(): Promise<string | undefined>
  passphrase(): Promise<string | undefined>
  readonly memory: LoginMemory
}

/** What the user has typed, and the keys that it opened: kept while the program runs, so that a lost connection does not ask again. */
export interface LoginMemory {
  password?: string
  /** By file. */
  readonly passphrases: Map<string, string>
  /** By public key. */
  readonly unlocked: Map<string, Promise<ParsedKey>>
}

/** One login, as the library wants it, and what became of it. */
export interface Login {
  next(methods: readonly string[] | null, partial: boolean | null, next: NextAuthHandler): void
  /** To be called once the server let us in. */
  succeeded(): void
  /** Why it failed, in one sentence with a way out. */
  failure(cause: unknown): Error
}

const promptsAfterPassword = 2
const passwordWord = 'a password'

/** Tries in order: the keys, the password that is stored or given, and what the user types, twice after a wrong one. */
export function createLogin(context: LoginContext): Login {
  const { destination, memory } = context
  const account = `${destination.username}@${destination.host}`
  const tried: string[] = []
  let offered: readonly string[] | undefined
  let failed: unknown
  let interrupted: Error | undefined
  let password: string | undefined

  const allows = (method: string) => offered === undefined || offered.includes(method)
  const withoutTerminal = { hint: loginHint }

  async function passphraseFor(file: string, again: boolean): Promise<string | undefined> {
    if (interrupted !== undefined) throw interrupted
    const known = again ? undefined : (memory.passphrases.get(file) ?? (await context.passphrase()))
    if (known !== undefined) return known
    const typed = await context.ask({
      kind: 'hidden',
      text: `Passphrase of ${file}: `,
      withoutTerminal: { hint: `Load the key into your agent: ssh-add '${file}'` },
    })
    memory.passphrases.set(file, typed)
    return typed
  }

  async function* attempts(): AsyncGenerator<AnyAuthMethod> {
    const { username } = destination
    const identities = await findIdentities(destination, {
      log: context.log,
      unlocked: memory.unlocked,
      passphrase: (file, again) => passphraseFor(file, again).catch(unlessInterrupted),
    })
    const notes = { offered: ({ name }: { name: string }) => void tried.push(`the key ${name}`), failed: noteFailure }
    if (identities.length > 0) yield { type: 'agent', username, agent: createKeyRing(identities, notes) }
    // The answer to this says what the server allows.
    if (offered === undefined) yield { type: 'none', username }
    yield* passwordAttempts(username)
  }

  /** Whoever breaks off a question wants no other one. */
  function noteFailure(error: unknown): void {
    if (errorCode(error) === 'INTERRUPTED') interrupted = error as Error
    failed ??= error
  }

  function notePassword(): void {
    if (!tried.includes(passwordWord)) tried.push(passwordWord)
  }

  async function* passwordAttempts(username: string): AsyncGenerator<AnyAuthMethod> {
    if (!allows('password') && !allows('keyboard-interactive')) return
    password = memory.password ?? (await context.password())
    const stored = password
    if (stored !== undefined) {
      notePassword()
      yield allows('password') ? { type: 'password', username, password: stored } : keyboard(username, stored)
    }
    for (let prompts = 0; prompts < (stored === undefined ? 1 : 0) + promptsAfterPassword; prompts++) {
      if (allows('keyboard-interactive')) yield keyboard(username, undefined)
      else if (allows('password')) yield { type: 'password', username, password: await askPassword() }
      else return
    }
  }

  async function askPassword(): Promise<string> {
    password = await context.ask({ kind: 'hidden', text: `Password of ${account}: `, withoutTerminal })
    notePassword()
    return password
  }

  /** The server asks what it likes: its first hidden question gets the password that we have, all else goes to the user. */
  function keyboard(username: string, known: string | undefined): AnyAuthMethod {
    let unused = known
    const answer = async (prompt: Prompt): Promise<string> => {
      const value = prompt.echo === true ? undefined : unused
      if (value !== undefined) {
        unused = undefined
        return value
      }
      const typed = await context.ask({ kind: prompt.echo ? 'text' : 'hidden', text: `${account}: ${prompt.prompt}`, withoutTerminal })
      notePassword()
      if (!prompt.echo && /password/i.test(prompt.prompt)) password = typed
      return typed
    }
    return {
      type: 'keyboard-interactive',
      username,
      prompt(_name, _instructions, _language, prompts, finish) {
        void answerAll(prompts, answer).then(finish, (error: unknown) => {
          noteFailure(error)
          giveUp?.()
        })
      },
    }
  }

  let giveUp: (() => void) | undefined
  const sequence = attempts()
  return {
    next(methods, _partial, attempt) {
      offered = methods ?? undefined
      giveUp = () => attempt(false as never)
      void proceed(attempt)
    },
    succeeded() {
      if (password !== undefined) memory.password = password
    },
    failure: (cause) => interrupted ?? failure(context, { account, tried, failed, offered }, cause),
  }

  async function proceed(attempt: NextAuthHandler): Promise<void> {
    try {
      attempt(await step())
    } catch (error) {
      noteFailure(error)
      attempt(false as never)
    }
  }

  async function step(): Promise<AnyAuthMethod> {
    for (;;) {
      if (interrupted !== undefined) return false as never
      const { done, value } = await sequence.next()
      if (done) return false as never
      if (value.type === 'none' || allows(wireName(value.type))) return value
    }
  }
}

function unlessInterrupted(error: unknown): undefined {
  if (errorCode(error) === 'INTERRUPTED') throw error
  return undefined
}

const wireName = (type: AuthenticationType): string => (type === 'agent' ? 'publickey' : type)

async function answerAll(prompts: readonly Prompt[], answer: (prompt: Prompt) => Promise<string>): Promise<string[]> {
  const answers: string[] = []
  for (const prompt of prompts) answers.push(await answer(prompt))
  return answers
}

const loginHint =
  'Name a key with privateKey in the .compute file, load one into your agent with ssh-add, or store the password (errand secret set password --target NAME).'
const passwordHint =
  'Look at the user name (username in the .compute file) and the password (to store another one: errand secret set password --target NAME), or name a key with privateKey in the .compute file.'

interface Attempted {
  readonly account: string
  readonly tried: readonly string[]
  readonly failed: unknown
  readonly offered: readonly string[] | undefined
}

/** Errors of keys are told as they are; the rest is one sentence with all that was tried. */
function failure(context: LoginContext, { account, tried, failed, offered }: Attempted, cause: unknown): ErrandError {
  const passwordTried = tried.includes(passwordWord)
  if (failed instanceof ErrandError && errorCode(failed)?.startsWith('KEY_') && !passwordTried) return failed
  const what = tried.length === 0 ? 'nothing, for there is no key and no password' : tried.join(', ')
  const allowed = offered === undefined ? '' : ` The server allows: ${offered.join(', ')}.`
  const reason = failed === undefined ? '' : ` ${errorMessage(failed)}`
  const many = /too many authentication failures/i.test(errorMessage(cause))
  return new ErrandError('LOGIN_FAILED', `${account} does not let you in. Tried: ${what}.${allowed}${reason}`, {
    hint: many
      ? `Your agent offers more keys than the server tries: name one with privateKey, or set IdentitiesOnly yes for ${context.destination.host} in your ssh_config.`
      : passwordTried
        ? passwordHint
        : loginHint,
    cause: failed ?? cause,
  })
}
