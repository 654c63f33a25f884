import { expect, it } from 'vitest'
import { openRunFiles } from '../src/run-files.ts'
import type { StoredRun } from '../src/stored-run.ts'

it('what lies too deep on the driver is told of, where it was asked for', async () => {
  const list = { files: [], tooLong: ['outputs/deep/folder', 'data/deep/folder', 'outputs/deep.txt'] }
  const read = async <Value>(): Promise<Value> => list as Value
  const files = openRunFiles({ read } satisfies Pick<StoredRun, 'read'> as unknown as StoredRun)
  const call = { signal: new AbortController().signal }
  expect((await files.collect(['outputs/**'], call)).tooLong).toEqual(['outputs/deep/folder', 'outputs/deep.txt'])
})
