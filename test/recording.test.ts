import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCast } from '../docs/recording/cast.ts'
import { framesOf } from '../docs/recording/frames.ts'
import { drawPicture } from '../docs/recording/picture.ts'
import { repository } from './errand.ts'

const read = (name: string) => readFileSync(join(repository, 'docs/recording', name), 'utf8')

describe('the recording of the README', () => {
  it('is drawn from the recorded terminal', async () => {
    const cast = readCast(read('errand.cast'))
    expect(drawPicture(await framesOf(cast, 1.6), cast.width, cast.height)).toBe(read('errand.svg'))
  })

  it('shows a submit, a watch and a compare, and nothing of the machine that made it', () => {
    const svg = read('errand.svg')
    for (const command of ['errand submit -c local train.py', 'errand watch last', 'errand compare last~1 last'])
      expect(svg).toContain(command)
    expect(svg).toMatch(/[▂▃▄▅▆▇]{5}/)
    expect(svg).not.toMatch(/\/(tmp|root|home|work|Users)\//)
    expect(svg).not.toContain('ERROR')
  })
})

it('takes pictures of what a terminal shows, with its styles, and cuts waiting', async () => {
  const events = [
    [0, 'one'],
    [0.5, '\r\u001B[Ktwo \u001B[1;31mred\u001B[0m'],
    [60, '\r\n<three>'],
  ] as const
  const frames = await framesOf({ width: 20, height: 3, events }, 2)
  expect(frames.map(({ seconds }) => seconds)).toEqual([0, 0.5, 2.5])
  expect(frames[0]?.lines).toEqual([[{ column: 0, text: expect.stringMatching(/^one +$/) }], [], []])
  expect(frames[2]?.lines[0]).toEqual([
    { column: 0, text: 'two ' },
    { column: 4, text: 'red', colour: 1, bold: true },
  ])
  const picture = drawPicture(frames, 20, 3)
  expect(picture).toContain('&lt;three&gt;')
  expect(picture).toMatch(/<tspan x="33\.6" [^>]*class="b c1">red</)
  expect(picture.match(/<g transform/g)).toHaveLength(3)
})
