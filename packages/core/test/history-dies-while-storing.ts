// Kills itself inside the transaction, when the log bytes are written and the commit is not: PROJECT RUN FROM COUNT
import { openHistory } from '../src/history/index.ts'
import type { RunEvent } from '../src/target.ts'
import { cursorBefore, streamEvent } from './history-fixture.ts'

const [project = '', run = '', from = '0', count = '0'] = process.argv.slice(2)
const first = Number(from)
const deadly: RunEvent = {
  cursor: 'deadly',
  at: new Date().toISOString(),
  type: 'metric',
  kind: 'value',
  value: 1,
  get name() {
    process.kill(process.pid, 'SIGKILL')
    return 'never'
  },
}
const events = Array.from({ length: Number(count) }, (_, index) => streamEvent(first + index))
using history = openHistory(project)
history.appendEvents(run, [...events, deadly], cursorBefore(first))
