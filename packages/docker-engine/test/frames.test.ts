import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { containerProcess } from '../src/container-process.ts'
import { frameDecoder } from '../src/frames.ts'

function frame(stream: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

async function all(stream: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const found: Buffer[] = []
  for await (const piece of stream) found.push(piece)
  return found
}

const text = (pieces: readonly Buffer[]) => Buffer.concat(pieces).toString('utf8')

describe('the output of a container', () => {
  it('is cut into its two streams', () => {
    const decoded = frameDecoder()(Buffer.concat([frame(1, 'one '), frame(2, 'two'), frame(1, 'three'), frame(1, '')]))
    expect([text(decoded.stdout), text(decoded.stderr)]).toEqual(['one three', 'two'])
  })

  it('is whole however it was cut on the way', () => {
    const whole = Buffer.concat([frame(1, 'a'), frame(2, 'bb'), frame(1, ''), frame(1, 'ccc'), frame(2, 'x'.repeat(300))])
    for (const size of [1, 2, 3, 7, 8, 9, 10, 64]) {
      const decode = frameDecoder()
      const found = { stdout: '', stderr: '' }
      for (let at = 0; at < whole.length; at += size) {
        const decoded = decode(whole.subarray(at, at + size))
        found.stdout += text(decoded.stdout)
        found.stderr += text(decoded.stderr)
      }
      expect(found).toEqual({ stdout: 'accc', stderr: `bb${'x'.repeat(300)}` })
    }
  })

  it('may be 50,000 tiny frames in one piece', () => {
    const frames = Array.from({ length: 50_000 }, (_, index) => frame(1 + (index % 2), `${index % 10}`))
    const decoded = frameDecoder()(Buffer.concat(frames))
    expect([text(decoded.stdout), text(decoded.stderr)]).toEqual(['02468'.repeat(5000), '13579'.repeat(5000)])
  })

  it('that is none is an error, not output', () => {
    expect(() => frameDecoder()(Buffer.from('plain text'))).toThrow('no output of a container')
  })
})

describe('a process in a container', () => {
  it('ends its streams with the connection, and then says how it ended', async () => {
    const socket = new PassThrough()
    const child = containerProcess(socket, { exit: async () => ({ exitCode: 3 }), kill: async () => {} })
    socket.end(Buffer.concat([frame(2, 'why'), frame(1, 'what')]))
    const [stdout, stderr] = await Promise.all([child.stdout, child.stderr].map(async (stream) => text(await all(stream))))
    expect([stdout, stderr, await child.exit]).toEqual(['what', 'why', { exitCode: 3 }])
  })

  it('ends when its connection is cut or nonsense comes', async () => {
    for (const end of [(socket: PassThrough) => socket.destroy(new Error('reset')), (socket: PassThrough) => socket.write('not a frame')]) {
      const socket = new PassThrough()
      const child = containerProcess(socket, { exit: async () => ({}), kill: async () => {} })
      end(socket)
      const output = await Promise.all([child.stdout, child.stderr].map((stream) => all(stream)))
      expect([output, await child.exit]).toEqual([[[], []], {}])
    }
  })

  it('is not read ahead of whoever takes its output', async () => {
    const socket = new PassThrough()
    const child = containerProcess(socket, { exit: async () => ({}), kill: async () => {} })
    const big = frame(1, Buffer.alloc(65_536))
    let taken = 0
    while (socket.write(big) && taken < 1000) {
      taken += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(taken).toBeLessThan(20)
    socket.destroy()
    await child.exit
  })
})
