import { expect, it } from 'vitest'
import { sparkArguments } from '../src/index.ts'

it('gives spark-submit packages and repositories of the lists and of the configuration together', () => {
  const configuration = { 'spark.jars.packages': 'a:b:1, c:d:2', 'spark.ui.enabled': 'false', 'spark.jars.repositories': 'https://two' }
  const packages = [{ group: 'g', artifact: 'a', version: '3' }]
  expect(sparkArguments({ configuration, repositories: ['https://one'], packages }).join(' ')).toBe(
    '--conf spark.ui.enabled=false --repositories https://one,https://two --packages g:a:3,a:b:1,c:d:2',
  )
})

it('leaves an empty list in the configuration, where it takes away what the machine has set', () => {
  expect(sparkArguments({ configuration: { 'spark.jars.packages': '' }, repositories: [], packages: [] })).toEqual([
    '--conf',
    'spark.jars.packages=',
  ])
})
