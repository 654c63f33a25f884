import { chmodSync, chownSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { type Sshd, sshdProblem, startSshd } from '@errand/testkit/servers'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SshHost } from '../src/index.ts'
import { lineOf, neverAborted, openTestHost, refusalOf, textOf } from './open-test-host.ts'

const problem = sshdProblem()
const signal = neverAborted()
const ahead = '${MY_FOLDER:-$HOME/ahead-test}/line'
const mark = `ahead.test-${process.pid}`
const program = ['sh', '-c', 'echo "$A"; IFS= read -r word; echo "$word"', mark]

/** Process ids of those whose command lines match. */
function processes(pattern: RegExp): readonly number[] {
  const commandLine = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && pattern.test(commandLine(name)))
    .map(Number)
}

describe.skipIf(problem)(`a program that is started with the login${problem ? ` (${problem})` : ''}`, () => {
  /** Another login, which looks: how many of the program run, and what the file holds. */
  async function look(
    server: Sshd,
  ): Promise<AsyncDisposable & { running(): Promise<number>; file(): Promise<string>; readonly host: SshHost }> {
    const host = await openTestHost(server)
    const made = await host.run(['sh', '-c', 'rm -rf "$HOME/ahead-test"; mkdir "$HOME/ahead-test"'], { signal })
    expect(made.exitCode).toBe(0)
    const count = `for one in /proc/[0-9]*; do tr '\\0' '\\n' <$one/cmdline; done 2>/dev/null | grep -cx '[a]${mark.slice(1)}'`
    return {
      host,
      running: async () => Number((await host.run(['sh', '-c', count], { signal })).stdout),
      file: async () => (await host.run(['sh', '-c', 'cat "$HOME/ahead-test/"*; ls -l "$HOME/ahead-test"'], { signal })).stdout.toString(),
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    }
  }
  const talk = async (host: SshHost, word: string): Promise<string> => {
    const child = await host.spawn(program, { signal, env: { A: `it's` }, ahead: true })
    const output = child.stdout[Symbol.asyncIterator]()
    const first = await lineOf(output)
    child.stdin.end(`${word}\n`)
    return `${first}${await lineOf(output)}`
  }

  for (const shell of [undefined, 'tcsh', 'fish'] as const) {
    it(`runs before it is asked for the second time, once, and is talked to as ever (${shell ?? 'sh'})`, async () => {
      await using server = await startSshd(shell === undefined ? {} : { shell })
      await using outside = await look(server)
      await using first = await openTestHost(server, { ahead, variables: ['LOGNAME'] })
      expect(await outside.running()).toBe(0)
      expect(await talk(first, 'one')).toBe(`it's\none\n`)
      expect(await outside.file()).toMatch(/^.*exec 'sh' .* 'ahead[.]test-[0-9]+'\ntotal .*\n-rw------- .* line\n$/)
      await using second = await openTestHost(server, { ahead, variables: ['LOGNAME'] })
      expect(second.variables).toEqual(first.variables)
      await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(1)
      expect(await talk(second, 'two')).toBe(`it's\ntwo\n`)
      await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(0)
    })
  }

  it('is ended when another program is started first, also where the server allows a single session', async () => {
    for (const lines of [[], ['MaxSessions 1']]) {
      await using server = await startSshd({ lines })
      await using outside = await look(server)
      await using first = await openTestHost(server, { ahead })
      await talk(first, 'one')
      await using second = await openTestHost(server, { ahead })
      await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(1)
      const other = await second.spawn(['sh', '-c', 'echo other; exec cat'], { signal })
      other.stdin.end('said')
      expect(await textOf(other.stdout)).toBe('other\nsaid')
      await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(0)
      expect(await talk(second, 'two')).toBe(`it's\ntwo\n`)
    }
  })

  it('is no matter to whoever starts nothing ahead', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    await using host = await openTestHost(server, { ahead })
    expect((await host.run(['echo', 'plain'], { signal })).stdout.toString()).toBe('plain\n')
    expect(await outside.file()).toBe('total 0\n')
  })

  it('is not kept again when it is kept', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    const kept = () => statSync(`${outside.host.home}/ahead-test/line`, { bigint: true }).mtimeNs
    await using first = await openTestHost(server, { ahead })
    await talk(first, 'one')
    const before = kept()
    await talk(first, 'again')
    await using second = await openTestHost(server, { ahead })
    expect((await second.run(['echo', 'plain'], { signal })).stdout.toString()).toBe('plain\n')
    await talk(second, 'two')
    expect(kept()).toBe(before)
  })

  it('is missing now, or what the file holds is no program at all', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    const missing = { signal, ahead: true }
    {
      await using host = await openTestHost(server, { ahead })
      expect(await refusalOf(host.spawn(['/no/such/program'], missing))).toMatchObject({ code: 'COMMAND_NOT_STARTED' })
    }
    for (const content of [
      '/no/such/program\n',
      'echo errand-ssh-no-program; exit 127\n',
      'echo errand-ssh-end\n',
      ': errand-ssh-end\n',
      ')(; `\n',
      '\0\x01\xff\n\n',
      'exit 0\n',
      '\n',
      '',
    ]) {
      await outside.host.writeFile(`${outside.host.home}/ahead-test/line`, Buffer.from(content, 'latin1'))
      await using host = await openTestHost(server, { ahead })
      expect(await refusalOf(host.spawn(['/no/such/program'], missing))).toMatchObject({ code: 'COMMAND_NOT_STARTED' })
      await using another = await openTestHost(server, { ahead })
      expect(await talk(another, 'one')).toBe(`it's\none\n`)
    }
  })

  it('has ended before it is asked for, or the shell has that waits for another', async () => {
    await using another = await startSshd()
    await using outside = await look(another)
    const login = `AHEAD_TEST_${process.pid}`
    for (const pattern of [new RegExp(`errand_ahead=;.*${login}`), new RegExp(`\\0${mark}\\0$`)]) {
      await expect.poll(() => processes(pattern).length, { timeout: 60_000 }).toBe(0)
      await using server = await startSshd()
      await using host = await openTestHost(server, { ahead, variables: [login] })
      await expect.poll(() => processes(pattern).length, { timeout: 60_000 }).toBe(1)
      for (const pid of processes(pattern)) process.kill(pid, 'SIGKILL')
      await expect.poll(() => server.log(), { timeout: 60_000 }).toContain('Close session')
      // What the server answers now comes behind its word that the session has ended.
      const later = await host.connect({ host: '127.0.0.1', port: server.port })
      later.destroy()
      expect(await talk(host, 'one')).toBe(`it's\none\n`)
      expect(await outside.file()).toContain(mark)
    }
  })

  it('waits for its turn while those are tried that are preferred and missing', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    await using first = await openTestHost(server, { ahead })
    await talk(first, 'one')
    await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(0)
    await using second = await openTestHost(server, { ahead })
    await expect.poll(() => outside.running(), { timeout: 60_000 }).toBe(1)
    const begun = processes(new RegExp(`\0${mark}\0$`))
    expect(await refusalOf(second.spawn(['/no/such/program'], { signal, ahead: true }))).toMatchObject({ code: 'COMMAND_NOT_STARTED' })
    const child = await second.spawn(program, { signal, env: { A: `it's` }, ahead: true })
    expect(processes(new RegExp(`\0${mark}\0$`))).toEqual(begun)
    child.stdin.end('two\n')
    expect(await textOf(child.stdout)).toBe(`it's\ntwo\n`)
  })

  it('is not what another user has put there, and leaves nothing behind where its line can not be kept', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    const folder = `${outside.host.home}/ahead-test`
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    await outside.host.writeFile(`${folder}/line`, `touch ${folder}/harm\n`)
    for (const path of [folder, `${folder}/line`]) chownSync(path, 0, 0)
    chmodSync(`${folder}/line`, 0o644)
    chmodSync(folder, 0o1777)
    await using host = await openTestHost(server, { ahead })
    expect(await talk(host, 'one')).toBe(`it's\none\n`)
    expect(await outside.file()).toMatch(/^touch .*\ntotal .*\n.* line\n$/)
  })

  it('is not what a link leads to, which is replaced', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    const folder = `${outside.host.home}/ahead-test`
    await outside.host.writeFile(`${folder}/script`, `touch ${folder}/harm\n`)
    await outside.host.run(['ln', '-s', 'script', `${folder}/line`], { signal })
    await using host = await openTestHost(server, { ahead })
    expect(await talk(host, 'one')).toBe(`it's\none\n`)
    expect(await outside.file()).toMatch(/'ahead[.]test-[0-9]+'\ntouch .*\ntotal .*\n-rw------- .* line\n.* script\n$/)
  })

  it('is not what a pipe would give, for which nobody waits', async () => {
    await using server = await startSshd()
    await using outside = await look(server)
    const folder = `${outside.host.home}/ahead-test`
    await outside.host.run(['mkdir', folder], { signal })
    await outside.host.run(['mkfifo', `${folder}/line`], { signal })
    await using host = await openTestHost(server, { ahead })
    expect(await talk(host, 'one')).toBe(`it's\none\n`)
    expect(await outside.file()).toMatch(/'ahead[.]test-[0-9]+'\ntotal .*\n-rw------- .* line\n$/)
  })
})
