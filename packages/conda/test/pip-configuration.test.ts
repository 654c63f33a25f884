import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'errand-pip-configuration-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const program =
  'import json, sys\nimport place_pip_configuration\nprint(json.dumps(place_pip_configuration.variables_for_uv(sys.argv[1]), sort_keys=True))'

function variables(environment: Readonly<Record<string, string>> = {}, requirements = ''): unknown {
  const cwd = join(import.meta.dirname, '..', 'python')
  const env = { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_DIRS: join(home, 'none'), PYTHONDONTWRITEBYTECODE: '1', ...environment }
  return JSON.parse(execFileSync('python3', ['-c', program, requirements], { cwd, env, encoding: 'utf8' }))
}

function write(path: string, text: string): void {
  mkdirSync(join(home, path, '..'), { recursive: true })
  writeFileSync(join(home, path), text)
}

describe("the place's configuration of pip", () => {
  it('is told to uv: mirrors, certificates, proxies', () => {
    write(
      '.config/pip/pip.conf',
      '[global]\nindex-url = https://mirror.example.org/simple\nextra_index_url =\n  https://one.example.org\n  https://two.example.org\ncert = /etc/bundle.pem\n[install]\ntrusted-host = one.example.org\nproxy = http://proxy.example.org:3128\n',
    )
    expect(variables()).toEqual({
      ALL_PROXY: 'http://proxy.example.org:3128',
      SSL_CERT_FILE: '/etc/bundle.pem',
      UV_DEFAULT_INDEX: 'https://mirror.example.org/simple',
      UV_INDEX: 'https://one.example.org https://two.example.org',
      UV_INDEX_STRATEGY: 'unsafe-best-match',
      UV_INSECURE_HOST: 'one.example.org',
    })
  })

  it('counts in the order of pip: variables before files, and the dependency file and what is set for uv before both', () => {
    write('.config/pip/pip.conf', '[global]\ncert = /file.pem\nindex-url = https://file.example.org\n')
    write('other.conf', '[install]\nindex-url = https://other.example.org\n')
    const named = { PIP_CONFIG_FILE: join(home, 'other.conf') }
    const certificate = { SSL_CERT_FILE: '/file.pem' }
    expect(variables(named)).toEqual({ ...certificate, UV_DEFAULT_INDEX: 'https://other.example.org' })
    expect(variables({ ...named, PIP_INDEX_URL: 'https://variable.example.org' })).toEqual({
      ...certificate,
      UV_DEFAULT_INDEX: 'https://variable.example.org',
    })
    expect(variables(named, '--index-url https://requirements.example.org\nsix\n')).toEqual(certificate)
    expect(variables({ ...named, UV_DEFAULT_INDEX: 'https://mine.example.org', SSL_CERT_FILE: '/mine.pem' })).toEqual({})
    expect(variables({ PIP_CONFIG_FILE: '/dev/null' })).toEqual({})
  })

  it('reaches uv in an image as lines of sh', () => {
    write('requirements-uv.txt', 'six\n')
    const line = `eval "$(python3 uv_variables.py "$HOME/requirements-uv.txt")" && printf %s "$UV_DEFAULT_INDEX"`
    const env = { PATH: process.env['PATH'], HOME: home, PIP_INDEX_URL: "https://mirror.example.org/it's", PYTHONDONTWRITEBYTECODE: '1' }
    const cwd = join(import.meta.dirname, '..', 'python')
    expect(execFileSync('sh', ['-ec', line], { cwd, env, encoding: 'utf8' })).toBe("https://mirror.example.org/it's")
  })

  it('may be broken: uv then goes without it', () => {
    const machine = variables()
    write('.config/pip/pip.conf', 'no section here\n')
    expect(variables()).toEqual(machine)
  })
})
