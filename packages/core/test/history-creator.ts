// Makes runs, each with a history opened anew, as so many commands would: PROJECT COUNT
import { openHistory, thisClient } from '../src/history/index.ts'
import { irisRun } from './history-fixture.ts'

const [project = '', count = '0'] = process.argv.slice(2)
for (let n = 0; n < Number(count); n += 1) {
  using history = openHistory(project)
  console.log(history.create({ ...irisRun, client: thisClient() }).id)
}
