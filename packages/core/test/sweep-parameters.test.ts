import { describe, expect, it } from 'vitest'
import { pointArguments, readParameters, sweepPoints } from '../src/sweep/parameters.ts'

describe('parameters', () => {
  it('take a list of values, each once, also from two mentions, and a comma behind a backslash', () => {
    expect(readParameters(['alpha=0.1,0.5,0.1', '--depth=2', 'alpha=1,0.5', String.raw`layers=64\,32,16`])).toEqual([
      { name: 'alpha', values: ['0.1', '0.5', '1'] },
      { name: 'depth', values: ['2'] },
      { name: 'layers', values: ['64,32', '16'] },
    ])
    expect(readParameters(['url=a=b'])).toEqual([{ name: 'url', values: ['a=b'] }])
  })

  it.each(['alpha', '=1', 'alpha=', 'alpha=1,,2', '1st=2', 'a b=1'])('refuse %j', (word) => {
    expect(() => readParameters([word])).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }))
  })
})

describe('points', () => {
  const parameters = readParameters(['a=1,2', 'b=x,y,z'])

  it('are all combinations, the last parameter first', () => {
    expect(sweepPoints(parameters).map(({ a, b }) => `${a}${b}`)).toEqual(['1x', '1y', '1z', '2x', '2y', '2z'])
  })

  it('are, at random, so many different ones, and never more than there are', () => {
    const some = sweepPoints(parameters, 4).map((point) => JSON.stringify(point))
    expect(new Set(some).size).toBe(4)
    expect(some.every((point) => sweepPoints(parameters).some((known) => JSON.stringify(known) === point))).toBe(true)
    expect(sweepPoints(parameters, 100)).toHaveLength(6)
  })

  it('are chosen from more combinations than could be listed, which all at once are refused', () => {
    const large = readParameters(Array.from({ length: 12 }, (_, index) => `p${index}=1,2,3,4,5,6,7,8,9`))
    expect(sweepPoints(large, 3)).toHaveLength(3)
    expect(() => sweepPoints(large)).toThrow(expect.objectContaining({ code: 'SWEEP_TOO_LARGE' }))
    expect(sweepPoints(large, 10_000)).toHaveLength(10_000)
    expect(() => sweepPoints(large, 10_001)).toThrow(expect.objectContaining({ code: 'SWEEP_TOO_LARGE' }))
  })
})

describe('arguments', () => {
  it('get the values as options, or where they are named', () => {
    const point = { alpha: '0.1', depth: '2' }
    expect(pointArguments(['in.csv'], point)).toEqual(['in.csv', '--alpha', '0.1', '--depth', '2'])
    expect(pointArguments(['out/{alpha}-{depth}', '{alpha}'], point)).toEqual(['out/0.1-2', '0.1'])
    expect(pointArguments(['{"depth": {depth}}', '{other}'], point)).toEqual(['{"depth": 2}', '{other}', '--alpha', '0.1'])
  })

  it('are not replaced twice', () => {
    expect(pointArguments(['{a}'], { a: '{b}', b: '1' })).toEqual(['{b}', '--b', '1'])
  })
})
