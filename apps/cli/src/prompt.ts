import { Writable } from 'node:stream'
import { createInterface } from 'node:readline/promises'
import { ErrandError, exitCodes } from '@errand/core'
import type { TargetContext } from '@errand/core'
import type { Screen } from './render/screen.ts'

type Question = Parameters<TargetContext<unknown>['ask']>[0]

/**
 * Asks on the terminal; without one it rejects with `NO_TERMINAL` and the question's own way out. A `confirm` is answered `yes` or `no`;
 * with `yes` (the option `--yes`) it is not asked at all.
 */
export function askOnTerminal(screen: Screen, { yes = false }: { readonly yes?: boolean } = {}): TargetContext<unknown>['ask'] {
  return async (question) => {
    if (yes && question.kind === 'confirm') return 'yes'
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      throw new ErrandError('NO_TERMINAL', `There is no terminal to ask at: ${question.text.trim()}`, {
        hint: question.withoutTerminal.hint,
      })
    }
    screen.clear()
    const answer = await readAnswer(question)
    return question.kind === 'confirm' ? (/^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no') : answer
  }
}

async function readAnswer(question: Question): Promise<string> {
  const isHidden = question.kind === 'hidden'
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: isHidden ? nowhere : process.stderr, terminal: true, historySize: 0 })
  let answered = false
  const abandoned = new Promise<never>((_, reject) => {
    lines.once('SIGINT', () => lines.close())
    lines.once('close', () => reject(new ErrandError('INTERRUPTED', 'Nothing was entered.', { exitCode: exitCodes.interrupted })))
  })
  const text = `${question.text.trimEnd()} `
  if (isHidden) process.stderr.write(text)
  try {
    const answer = await Promise.race([lines.question(isHidden ? '' : text), abandoned])
    answered = true
    return answer
  } finally {
    lines.close()
    // What is said next begins a line of its own; an answer that is seen has ended with one.
    if (isHidden || !answered) process.stderr.write('\n')
  }
}

/** All of stdin as text, without the line end that `echo` and editors put behind it. */
export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
