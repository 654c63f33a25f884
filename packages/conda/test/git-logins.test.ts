import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { execFile } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentOf } from '../src/content.ts'
import { gitLogins } from '../src/git-logins.ts'
import { condaFile } from './conda-place.ts'

const folder = mkdtempSync(join(tmpdir(), 'errand-git-'))
const logins: Readonly<Record<string, string>> = { one: 'me@work:canary-one/2', two: 'canary-two:' }
let server: Server
let host: string

/** Each repository of a git server, as the files that it is, for who has its login. */
beforeAll(async () => {
  const git = (...words: readonly string[]) => execFileSync('git', [...words], { cwd: folder, stdio: 'pipe' })
  for (const name of Object.keys(logins)) {
    git('init', '--quiet', name)
    git('-C', name, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--allow-empty', '-m', name)
    git('clone', '--quiet', '--bare', name, `${name}.git`)
    git('-C', `${name}.git`, 'update-server-info')
  }
  server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const login = logins[/^\/team\/(\w+)\.git\//.exec(path)?.[1] ?? '']
    if (login === undefined) response.writeHead(404).end()
    else if (request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    else {
      try {
        response.end(readFileSync(join(folder, path.replace('/team/', ''))))
      } catch {
        response.writeHead(404).end()
      }
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  rmSync(folder, { recursive: true, force: true })
})

const loginsOf = (pip: readonly string[], pipOptions: readonly string[] = []) =>
  gitLogins(contentOf(condaFile({ channels: [], conda: [], pip: [...pip], pipOptions: [...pipOptions] })), folder)

describe('the login of a repository', () => {
  it('reaches git by a file: none of its programs has it as an argument', async () => {
    const { content, files, environment } = loginsOf(
      [`one @ git+http://me@work:canary-one%2F2@${host}/team/one.git@main#egg=one`],
      ['--editable', `git+http://canary-two@${host}/team/two.git`],
    )
    expect(JSON.stringify([content, environment])).not.toContain('canary')
    expect(content.pip).toEqual([`one @ git+http://${host}/team/one.git@main#egg=one`])
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const trace = join(folder, 'trace')
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_TRACE: trace, ...environment }
    for (const name of Object.keys(logins)) {
      const words = ['clone', '--quiet', `http://${host}/team/${name}.git`, `clone-${name}`]
      await promisify(execFile)('git', words, { cwd: folder, env })
      expect(execFileSync('git', ['-C', `clone-${name}`, 'log', '-1', '--format=%s'], { cwd: folder, encoding: 'utf8' }).trim()).toBe(name)
      expect(readFileSync(join(folder, `clone-${name}`, '.git', 'config'), 'utf8')).not.toContain('canary')
    }
    expect(readFileSync(trace, 'utf8')).toContain('git-remote-http')
    expect(readFileSync(trace, 'utf8')).not.toContain('canary')
  })

  it.each([
    'six',
    'six @ git+ssh://git@example.org/six',
    'six @ git+https://example.org/six.git@v1',
    'six @ git+https://${TOKEN}@example.org/six.git',
    'six @ git+https://${NAME}:canary@example.org/six.git',
    'six @ https://me:canary@example.org/six.whl',
  ])('is none in %s', (item) => {
    expect(loginsOf([item])).toMatchObject({ content: { pip: [item] }, files: {}, environment: {} })
  })
})
