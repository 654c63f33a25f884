import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localHost } from '@errand/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bringMicromamba, micromambaPins } from '../src/index.ts'
import { micromambaProgram } from '../src/micromamba.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'errand-conda-micromamba-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const signal = new AbortController().signal
const pin = Object.values(micromambaPins)[0] ?? expect.unreachable('there is no pin')

describe('the pinned micromamba', () => {
  it('is asked for by version and platform, over https', async () => {
    const asked: string[] = []
    for (const [platform, wanted] of Object.entries(micromambaPins)) {
      const download = (url: string) => {
        asked.push(url)
        return Promise.resolve(new Response('', { status: 404 }))
      }
      await expect(bringMicromamba(localHost(), home, wanted, signal, download)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
      expect(asked.at(-1)).toMatch(new RegExp(`^https://github\\.com/mamba-org/.*/${wanted.version}-0/micromamba-${platform}$`))
      expect(wanted.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    }
    expect(asked).toHaveLength(Object.keys(micromambaPins).length)
  })

  it('is refused and not stored when one byte is another', async () => {
    const download = () => Promise.resolve(new Response('not micromamba'))
    await expect(bringMicromamba(localHost(), home, pin, signal, download)).rejects.toMatchObject({ code: 'DOWNLOAD_CORRUPT' })
    expect(() => statSync(micromambaProgram(home))).toThrow(/ENOENT/)
  })

  it('is put in place as a program when it is the right one', async () => {
    const digest = `sha256:${createHash('sha256').update('#!/bin/sh\n').digest('hex')}`
    await bringMicromamba(localHost(), home, { ...pin, digest }, signal, () => Promise.resolve(new Response('#!/bin/sh\n')))
    expect(readFileSync(micromambaProgram(home), 'utf8')).toBe('#!/bin/sh\n')
    expect(statSync(micromambaProgram(home)).mode & 0o111).toBe(0o111)
  })

  it('says the host when there is no way to it', async () => {
    const download = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'))
    await expect(bringMicromamba(localHost(), home, pin, signal, download)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('github.com') as string,
    })
  })
})
