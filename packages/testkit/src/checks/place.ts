import assert from 'node:assert/strict'
import type { CallOptions, Finding, Leftover, Target } from '@errand/core'
import { type Check, projectName, type Trial } from '../trial.ts'

const outcomes: ReadonlySet<string> = new Set(['ok', 'warning', 'failed'])

/** What is asked of a place before anything is started there. */
export function placeChecks(): Check[] {
  return [
    {
      name: 'check looks at something, finds nothing wrong and leaves nothing',
      async body({ step }) {
        const before = await step(ownLeftovers)
        const findings = await step((target, options) => collectAll<Finding>(target.check(options)))
        assert.ok(findings.length > 0, 'there is at least one finding')
        for (const { name, outcome, detail } of findings) {
          assert.ok(name.length > 0 && detail.length > 0, 'each finding has a name and a detail')
          assert.ok(outcomes.has(outcome), `${outcome} is an outcome`)
          assert.notEqual(outcome, 'failed', `${name}: ${detail}`)
        }
        assert.deepEqual(await step(ownLeftovers), before, 'nothing was left at the place')
      },
    },
    { name: 'plan says what would be done and changes nothing', body: planChangesNothing },
    {
      name: 'prepare twice gives the same key, which plan then calls ready',
      async body(trial) {
        const first = await trial.prepare()
        assert.ok(first.environmentKey.length > 0, 'the key is not empty')
        assert.deepEqual(await trial.prepare(), first)
        const request = trial.environmentRequest()
        const unbuilt = await trial.step((target, options) => target.prepare(request, { ...options, build: false }))
        assert.deepEqual(unbuilt, first, 'what is prepared needs no build')
        const { environment } = await trial.step((target, options) => target.plan(request, options))
        assert.equal(environment.key, first.environmentKey)
        assert.equal(environment.ready, true)
      },
    },
  ]
}

async function planChangesNothing(trial: Trial): Promise<void> {
  const { step } = trial
  const script = `print('never run: ${Math.random()}')`
  const request = await trial.request({ 'main.py': script })
  const own = (target: Target, options: CallOptions) => ownLeftovers(target, options, request.runId)
  const before = await step(own)
  const first = await step((target, options) => target.plan(request, options))
  assert.ok(first.environment.key.length > 0, 'the plan has the key of the environment')
  assert.ok(first.steps.length > 0, 'the plan has steps')
  assert.ok(
    first.upload !== undefined && first.upload.files <= 1 && first.upload.bytes <= script.length,
    'the plan counts no more than there is to send',
  )
  const environment = await step((target, options) => target.plan(trial.environmentRequest(), options))
  assert.equal(environment.environment.key, first.environment.key)
  assert.deepEqual(await step((target, options) => target.plan(request, options)), first, 'the second plan is the first')
  assert.equal(await step((target, options) => target.find(request.runId, options)), undefined, 'the planned run is not there')
  assert.deepEqual(await step(own), before, 'nothing was left at the place')
}

/** What the suite's project has left, but for runs other than this one: other suites and other users of the place come and go. */
async function ownLeftovers(target: Target, options: CallOptions, run?: string): Promise<string[]> {
  const all = await collectAll<Leftover>(target.leftovers(options))
  return all.filter(({ project, runId = run }) => project === projectName && runId === run).map(({ id }) => id)
}

export async function collectAll<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
