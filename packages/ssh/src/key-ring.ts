import ssh2, { type BaseAgent as Agent, type ParsedKey } from 'ssh2'
import { ErrandError, type Logger, errorMessage } from '@errand/core'
import { type KeyFile, type PublicKeyFile, readKeyFile } from './key-file.ts'
import type { ResolvedDestination } from './ssh-config.ts'

/** A key that can be offered to a server. */
export interface Identity {
  /** What the user knows it by: its file, or its comment in the agent. */
  readonly name: string
  readonly publicKey: Buffer
  sign(data: Buffer, hash: string | undefined): Promise<Buffer>
}

export interface KeyQuestions {
  readonly log: Logger
  /** Asks for the passphrase of a key file; undefined when it is not to be had. `again`: the last one was wrong. */
  passphrase(file: string, again: boolean): Promise<string | undefined>
  /** Private keys that were read before, by their public halves: to decrypt one takes a moment in which nothing else can be done. */
  readonly unlocked: Map<string, Promise<ParsedKey>>
}

/**
 * The keys to offer, best first, since servers look at few: those of the target, those of the ssh_config or the usual files that the agent
 * holds, the agent's others, those that are in files alone. A key that the agent holds is signed with there, so that its passphrase is not
 * asked for.
 */
export async function findIdentities(destination: ResolvedDestination, questions: KeyQuestions): Promise<readonly Identity[]> {
  const named = destination.keyFiles.map((path) => readKeyFile(path) ?? missing(path))
  const usual = destination.identityFiles.flatMap((path) => readUsual(path, questions.log) ?? [])
  const held = destination.agent === undefined ? [] : await agentIdentities(destination.agent, questions.log)
  const fromFiles = [...named, ...usual]
  const allowed = destination.identitiesOnly
    ? held.filter(({ publicKey }) => fromFiles.some((file) => file.publicKey.equals(publicKey)))
    : held
  const heldOf = (file: PublicKeyFile) => held.filter(({ publicKey }) => publicKey.equals(file.publicKey))
  const own = (file: KeyFile | PublicKeyFile) => ('unlock' in file ? [fileIdentity(file, questions)] : [])
  const first = named.map((file) => heldOf(file)[0] ?? own(file)[0] ?? notHeld(file.path))
  return unique([...first, ...usual.flatMap(heldOf), ...allowed, ...usual.flatMap(own)])
}

function notHeld(path: string): never {
  throw new ErrandError(
    'KEY_NOT_FOUND',
    `Of the key ${path}, which the target names, there is only the public half: your agent does not hold the other.`,
    {
      hint: 'Load the key into your agent (ssh-add -l lists those that it holds), or name the file of the private key.',
    },
  )
}

function missing(path: string): never {
  throw new ErrandError('KEY_NOT_FOUND', `The private key ${path}, which the target names, is not there.`, {
    hint: 'Correct its path, or take it out so that your agent and usual keys are tried.',
  })
}

function readUsual(path: string, log: Logger): KeyFile | PublicKeyFile | undefined {
  try {
    return readKeyFile(path)
  } catch (error) {
    log.warn(errorMessage(error))
    return undefined
  }
}

function unique(identities: readonly Identity[]): readonly Identity[] {
  return identities.filter((identity, index) => identities.findIndex(({ publicKey }) => publicKey.equals(identity.publicKey)) === index)
}

function fileIdentity(file: KeyFile, questions: KeyQuestions): Identity {
  const id = file.publicKey.toString('base64')
  const open = (): Promise<ParsedKey> => {
    const opening = questions.unlocked.get(id) ?? unlock(file, questions)
    questions.unlocked.set(id, opening)
    return opening.catch((error: unknown) => {
      questions.unlocked.delete(id)
      throw error
    })
  }
  return { name: file.path, publicKey: file.publicKey, sign: async (data, hash) => (await open()).sign(data, hash) }
}

async function unlock(file: KeyFile, questions: KeyQuestions): Promise<ParsedKey> {
  if (!file.encrypted) return file.unlock()
  for (let tries = 0; ; tries++) {
    const passphrase = await questions.passphrase(file.path, tries > 0)
    try {
      return file.unlock(passphrase)
    } catch (error) {
      if (passphrase === undefined || tries === 2) throw error
    }
  }
}

const agentPatience = 5000

async function agentIdentities(address: string, log: Logger): Promise<readonly Identity[]> {
  const agent = ssh2.createAgent(address)
  const keys = await withTimeout<readonly ParsedKey[]>((done) => {
    agent.getIdentities((error, found) => {
      if (error) return done(error)
      done(
        undefined,
        (found ?? []).flatMap((entry) => parsePublic(entry) ?? []),
      )
    })
  }).catch((error: unknown) => {
    log.debug(`The SSH agent at ${address} can't be asked: ${errorMessage(error)}`)
    return []
  })
  return keys.map((key) => ({
    name: key.comment === '' ? 'a key of the agent' : `${key.comment} of the agent`,
    publicKey: key.getPublicSSH(),
    sign: (data, hash) => signByAgent(agent, key, data, hash),
  }))
}

function withTimeout<Value>(ask: (done: (error: Error | undefined, value?: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it does not answer')), agentPatience)
    ask((error, value) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve(value as Value)
    })
  })
}

function parsePublic(entry: unknown): ParsedKey | undefined {
  const parsed = ssh2.utils.parseKey(entry as Buffer) as ParsedKey | ParsedKey[] | Error
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  return key === undefined || key instanceof Error ? undefined : key
}

/** May take as long as its user thinks: an agent can be told to ask before it signs. */
function signByAgent(agent: Agent, key: ParsedKey, data: Buffer, hash: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    agent.sign(key, data, hash === undefined ? {} : { hash: hash as 'sha256' }, (error, signature) => {
      if (signature) resolve(signature)
      else reject(error ?? new Error('the agent did not sign'))
    })
  })
}

type Signed = (error?: Error | null, signature?: Buffer) => void

/** The keys as an agent of the library, which offers them one by one and asks for a signature only of one that the server accepts. */
export function createKeyRing(
  identities: readonly Identity[],
  notes: { offered(identity: Identity): void; failed(error: unknown): void },
): Agent {
  const find = (key: unknown) => {
    const blob = parsePublic(key)?.getPublicSSH()
    return blob && identities.find(({ publicKey }) => publicKey.equals(blob))
  }
  async function answer(identity: Identity, data: Buffer, hash: string | undefined, done: Signed): Promise<void> {
    try {
      done(null, await identity.sign(data, hash))
    } catch (error) {
      notes.failed(error)
      done(error instanceof Error ? error : new Error(errorMessage(error)))
    }
  }
  class KeyRing extends ssh2.BaseAgent {
    override getIdentities(done: (error?: Error | null, keys?: Buffer[]) => void): void {
      for (const identity of identities) notes.offered(identity)
      done(
        null,
        identities.map(({ publicKey }) => publicKey),
      )
    }
    override sign(key: unknown, data: Buffer, second: unknown, third?: unknown): void {
      const done = (third ?? second) as Signed
      const hash = third === undefined ? undefined : (second as { hash?: string }).hash
      const identity = find(key)
      if (identity === undefined) return done(new Error('The server asks for a key that was not offered.'))
      void answer(identity, data, hash, done)
    }
  }
  return new KeyRing()
}
