import type { CallOptions, Host } from '@errand/core'

/** What a shell there says of the machine; what it can't say is undefined. */
export interface Machine {
  readonly folder: string
  /** Of the folder for errand's files, or of the folder that it will be made in. */
  readonly writable: boolean
  /** Bytes free for this user. */
  readonly free?: number
  /** Milliseconds that its clock is ahead of ours. */
  readonly clock: number
}

/** Walks up to the first folder that is there, since nothing is made by looking. */
const script = `folder=$1
while [ ! -d "$folder" ] && [ "$folder" != / ]; do folder=$(dirname "$folder"); done
if [ -w "$folder" ] && [ -x "$folder" ]; then echo yes; else echo no; fi
df -Pk "$folder" 2>/dev/null | awk 'END { print $4 }'
date +%s`

/** Looks at the folder that errand uses there, changing nothing. */
export async function lookAt(host: Host, folder: string, { signal }: CallOptions): Promise<Machine> {
  const before = Date.now()
  const { stdout } = await host.run(['/bin/sh', '-c', script, 'sh', folder], { signal })
  const between = (before + Date.now()) / 2
  const [writable, free = '', seconds = ''] = stdout.toString('utf8').split('\n')
  return {
    folder,
    writable: writable === 'yes',
    ...(/^\d+$/.test(free) ? { free: Number(free) * 1024 } : {}),
    clock: /^\d+$/.test(seconds) ? Number(seconds) * 1000 - between : 0,
  }
}
