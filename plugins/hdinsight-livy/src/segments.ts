import type { Call, StoredRun } from './stored-run.ts'

export interface Segments {
  /** The bytes from an offset to the end of the segment that it lies in; empty when none is there yet. */
  from(offset: number, call: Call): Promise<Buffer>
}

/** A log that lies in the storage as files, each named by the offset at which it begins. They appear whole and never change. */
export function openSegments({ cluster: { storage }, folder }: StoredRun, kind: 'log' | 'metrics', beginning: number): Segments {
  const ends = new Map<number, number>()
  let listed = false
  const pathOf = (start: number) => `${folder}/${kind}/${String(start).padStart(16, '0')}`

  async function list(call: Call): Promise<void> {
    for (const { name, size } of (await storage.list(`${folder}/${kind}`, call)) ?? [])
      if (/^\d+$/.test(name)) ends.set(Number(name), Number(name) + size)
    listed = true
  }

  return {
    async from(offset, call) {
      // A reader of another process begins somewhere in the midst; later ones are asked for by their name.
      if (!listed && offset !== beginning) await list(call)
      for (const [start, end] of ends)
        if (start < offset && offset < end) return (await storage.read(pathOf(start), { offset: offset - start }, call)) ?? Buffer.alloc(0)
      const bytes = (await storage.read(pathOf(offset), {}, call)) ?? Buffer.alloc(0)
      if (bytes.length > 0) ends.set(offset, offset + bytes.length)
      return bytes
    },
  }
}
