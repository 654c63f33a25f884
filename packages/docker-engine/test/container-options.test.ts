import { describe, expect, it } from 'vitest'
import { readContainerOptions } from '../src/container-options.ts'
import { digestFor } from '../src/environment-image.ts'
import { parseImageReference } from '../src/image-reference.ts'
import { progressLines } from '../src/progress-lines.ts'
import { Readable } from 'node:stream'

const gib = 1024 ** 3

describe('containerOptions', () => {
  it('take back what they give', () => {
    expect(readContainerOptions(['--privileged']).host).toEqual({ Privileged: true })
    expect(readContainerOptions(['--privileged=true']).host).toEqual({ Privileged: true })
    expect(readContainerOptions(['--privileged=false']).host).toEqual({ Privileged: false })
    expect(() => readContainerOptions(['--privileged=perhaps'])).toThrow(/neither true nor false/)
  })

  it('limit memory as the key memory does, unless they name the swap', () => {
    expect(readContainerOptions(['--memory', '2g']).host).toEqual({ Memory: 2 * gib, MemorySwap: 2 * gib })
    for (const words of [
      ['-m', '2g', '--memory-swap=-1'],
      ['--memory-swap=-1', '-m', '2g'],
    ])
      expect(readContainerOptions(words).host).toEqual({ Memory: 2 * gib, MemorySwap: -1 })
  })
})

describe('the digest of an image', () => {
  it('is that of the repository it is named by', () => {
    const known = ['mirror.example/python@sha256:aa', 'python@sha256:bb']
    expect(digestFor(parseImageReference('python:3.12'), known)).toBe('sha256:bb')
    expect(digestFor(parseImageReference('mirror.example/python:3.12'), known)).toBe('sha256:aa')
    expect(digestFor(parseImageReference('python:3.12'), ['docker.io/library/python@sha256:cc'])).toBe('sha256:cc')
    expect(digestFor(parseImageReference('mine:1'), known)).toBeUndefined()
  })
})

describe('progress of an engine', () => {
  it('is whole although a character is cut between two packets', async () => {
    const bytes = Buffer.from('{"stream":"caf\u00e9"}\n')
    const cut = bytes.indexOf(0xc3) + 1
    const lines = await Readable.from(progressLines(Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]))).toArray()
    expect(lines).toEqual([{ stream: 'caf\u00e9' }])
  })
})
