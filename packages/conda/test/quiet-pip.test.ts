import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentOf } from '../src/content.ts'
import { pipPart } from '../src/pip-part.ts'
import { condaFile } from './conda-place.ts'

/** Other programs of the machine are looked at too: none of them may know it. */
const secret = randomUUID()
const login = `me:${secret}`
const folder = mkdtempSync(join(tmpdir(), 'errand-pip-'))
const prefix = join(folder, 'environment')
const seen = join(folder, 'seen.json')

/** Two packages that have to be built: `needs` wants `recorder` for it, and that one notes what all programs of the machine have been called with. */
const program = `
import io, json, sys, tarfile
backend = '''
import glob, json, os, zipfile
def build_wheel(folder, settings=None, metadata=None):
    name = "%(name)s-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("%(name)s.py", "")
        wheel.writestr("%(name)s-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\\\nName: %(name)s\\\\nVersion: 1.0\\\\n")
        wheel.writestr("%(name)s-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\\\nRoot-Is-Purelib: true\\\\nTag: py3-none-any\\\\n")
        wheel.writestr("%(name)s-1.0.dist-info/RECORD", "")
    if "%(name)s" == "recorder":
        commands = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file: commands.append(file.read().decode("utf-8", "replace").split(chr(0)))
            except OSError: pass
        with open(%(seen)r, "w") as file: json.dump({"commands": commands, "environment": dict(os.environ)}, file)
    return name
'''
for name, wants in (("needs", ["recorder"]), ("recorder", [])):
    with tarfile.open("%s/%s-1.0.tar.gz" % (sys.argv[1], name), "w:gz") as archive:
        for path, text in (("PKG-INFO", "Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n" % name),
                           ("pyproject.toml", "[build-system]\\nrequires = %s\\nbuild-backend = 'backend'\\nbackend-path = ['.']\\n" % json.dumps(wants)),
                           ("backend.py", backend % {"name": name, "seen": sys.argv[2]})):
            entry = tarfile.TarInfo("%s-1.0/%s" % (name, path))
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
`

let server: Server
let host: string
beforeAll(async () => {
  execFileSync('python3', ['-c', program, folder, seen])
  // That of the machine, where it has one: to unpack another takes longer than the test.
  const has = spawnSync('python3', ['-m', 'pip', '--version']).status === 0
  execFileSync('python3', ['-m', 'venv', ...(has ? ['--without-pip', '--system-site-packages'] : []), prefix])
  server = createServer((request, response) => {
    const path = request.url ?? ''
    const name = /^\/simple\/(\w+)\/$/.exec(path)?.[1]
    const file = join(folder, path.slice('/files/'.length))
    if (request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end()
    else if (name !== undefined)
      response.setHeader('content-type', 'text/html').end(`<a href="/files/${name}-1.0.tar.gz">${name}-1.0.tar.gz</a>`)
    else if (path.startsWith('/files/') && existsSync(file)) response.end(readFileSync(file))
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
}, 300_000)
afterAll(async () => {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(!existsSync('/proc/self/cmdline'))('pip with an index that wants a login', { timeout: 300_000 }, () => {
  it('builds packages, and no program has the login as an argument or a variable', async () => {
    const pipOptions = ['--index-url', `http://${login}@${host}/simple`, '--find-links', folder, '--no-cache-dir']
    const content = contentOf(condaFile({ channels: [], conda: [], pip: ['needs'], pipOptions }))
    const place = join(folder, 'with spaces')
    mkdirSync(place)
    const { files, steps } = pipPart({ content, folder: place, prefix, locate: () => '' })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text, { mode: 0o600 })
    const [command = '', ...words] = steps[0]?.command ?? []
    const env = { PATH: process.env['PATH'], HOME: folder, ...steps[0]?.environment }
    await promisify(execFile)(command, words, { env, cwd: place })
    execFileSync(command, ['-c', 'import needs'])
    const { commands, environment } = JSON.parse(readFileSync(seen, 'utf8')) as { commands: string[][]; environment: object }
    const pips = commands.filter((line) => line.includes('install') && line.some((word) => word.startsWith(place)))
    expect(pips.map((line) => line.at(line.indexOf('--') + 1))).toContain('recorder')
    expect(commands.filter((line) => line.join(' ').includes(secret))).toEqual([])
    expect(JSON.stringify(environment)).not.toContain(secret)
  })
})

it('pip is kept quiet also where a list that the file names may have the login', () => {
  const commandOf = (pipOptions: readonly string[]) => {
    const content = contentOf(condaFile({ channels: [], conda: [], pip: ['needs'], pipOptions: [...pipOptions] }))
    return pipPart({ content, folder: '/place', prefix, locate: () => '' }).steps[0]?.command
  }
  expect(commandOf(['--requirement', 'more.txt'])).toContain('/place/quiet_pip.py')
  expect(commandOf(['--find-links', '/wheels'])).not.toContain('/place/quiet_pip.py')
})

describe('the arguments of a pip that pip starts', () => {
  it.each(['-m pip', '/site-packages/pip', '/site-packages/pip/__pip-runner__.py'])('called %s have no address', (pip) => {
    const place = mkdtempSync(join(folder, 'place-'))
    copyFileSync(join(import.meta.dirname, '../python/quiet_pip.py'), join(place, 'quiet_pip.py'))
    const words = [...pip.split(' '), 'install', '--prefix', '/p', '-i', `http://${login}@${host}/simple`, '--', 'wanted']
    const ask = 'import json, sys, quiet_pip; print(json.dumps(quiet_pip.quiet([sys.executable] + sys.argv[1:])[1:]))'
    const answer = execFileSync('python3', ['-c', ask, ...words], { env: { ...process.env, PYTHONPATH: place }, encoding: 'utf8' })
    const indexes = join(place, 'indexes.txt')
    expect(JSON.parse(answer)).toEqual([join(place, 'quiet_pip.py'), 'install', '-r', indexes, '--prefix', '/p', '--', 'wanted'])
    expect(readFileSync(indexes, 'utf8')).toBe(`-i http://${login}@${host}/simple\n`)
  })
})
