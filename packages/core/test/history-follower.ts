// Follows the stream of history-fixture.ts into a run from event FROM: PROJECT RUN FROM TOTAL BATCH [stays]. Prints the last cursor stored.
// One that stays is there to be killed, also when it was quicker than its killer.
import { openHistory } from '../src/history/index.ts'
import { cursorBefore, streamEvent } from './history-fixture.ts'

const [project = '', run = '', from, total, batch, stays] = process.argv.slice(2)
using history = openHistory(project)
let cursor: string | undefined
for (let start = Number(from); start < Number(total); start += Number(batch)) {
  const events = Array.from({ length: Math.min(Number(batch), Number(total) - start) }, (_, index) => streamEvent(start + index))
  cursor = history.appendEvents(run, events, cursorBefore(start)).cursor
}
console.log(cursor)
if (stays !== undefined) setInterval(() => {}, 1000)
