import type { AsyncEntry } from '@napi-rs/keyring'

/** The keychain of the operating system. No call rejects: a keychain that can't be used is an answer, since a file stands behind it. */
export interface Keychain {
  get(account: string): Promise<{ readonly value?: string }>
  /** True once the value can be read back. */
  set(account: string, value: string): Promise<boolean>
  delete(account: string): Promise<'deleted' | 'absent' | 'unreachable'>
}

const service = 'errand'
/** Milliseconds. Long, since the keychain may be asking its user for the password that unlocks it. */
const patience = 60_000

/** `ERRAND_KEYCHAIN=off` in the environment: one that never answers. The native library is loaded by the first call. */
export function openKeychain(environment: NodeJS.ProcessEnv): Keychain {
  const isOff = environment['ERRAND_KEYCHAIN']?.toLowerCase() === 'off'
  const ask = async <Answer>(
    account: string,
    question: (entry: AsyncEntry, signal: AbortSignal) => Promise<Answer>,
  ): Promise<{ answer: Answer } | undefined> => {
    if (isOff) return undefined
    try {
      const { AsyncEntry } = await import('@napi-rs/keyring')
      // Without a Secret Service the library would take the keyring of the Linux kernel, which forgets everything at the next start.
      const entry = new AsyncEntry(service, account, { linux: { store: 'secret-service' } })
      return { answer: await withPatience((signal) => question(entry, signal)) }
    } catch {
      return undefined
    }
  }
  return {
    async get(account) {
      const value = (await ask(account, (entry, signal) => entry.getPassword(signal)))?.answer
      return typeof value === 'string' ? { value } : {}
    },
    async set(account, value) {
      const kept = await ask(account, async (entry, signal) => {
        await entry.setPassword(value, signal)
        return (await entry.getPassword(signal)) === value
      })
      return kept?.answer === true
    },
    async delete(account) {
      const deleted = await ask(account, (entry, signal) => entry.deleteCredential(signal))
      if (deleted === undefined) return 'unreachable'
      return deleted.answer ? 'deleted' : 'absent'
    },
  }
}

async function withPatience<Answer>(question: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const gaveUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort()
      reject(new Error('the keychain does not answer'))
    }, patience)
  })
  try {
    return await Promise.race([question(controller.signal), gaveUp])
  } finally {
    clearTimeout(timer)
  }
}
