// Follows the stream of history-fixture.ts into a run from event FROM: PROJECT RUN FROM TOTAL BATCH. Prints the last cursor stored.
import { openHistory } from '../src/history/index.ts'
import { cursorBefore, streamEvent } from './history-fixture.ts'

const [project = '', run = '', ...numbers] = process.argv.slice(2)
const [from = 0, total = 0, batch = 1] = numbers.map(Number)
using history = openHistory(project)
let cursor: string | undefined
for (let start = from; start < total; start += batch) {
  const events = Array.from({ length: Math.min(batch, total - start) }, (_, index) => streamEvent(start + index))
  cursor = history.appendEvents(run, events, cursorBefore(start)).cursor
}
console.log(cursor)
