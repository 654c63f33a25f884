/**
 * Lets buffers count in the limit of the heap, as newer versions of V8 do. In the V8 of Node 24 to 26 the whole heap is marked anew for every
 * 64 MB of them, however short they live: a quarter of the processor time of a large upload (nodejs/node#61967). To be called when a large
 * upload begins and not at the start, since V8 lays compiled code of other settings aside.
 */
export async function countBuffersInHeapLimit(): Promise<void> {
  if (Number(process.versions.node.split('.', 1)[0]) > 26) return
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
