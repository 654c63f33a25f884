import { userInfo } from 'node:os'
import { type Yarn, livyProblem, startYarn } from '../packages/testkit/dist/servers/index.js'
import { afterAll, describe, expect, it } from 'vitest'
import { type Project, scriptOutput } from './errand.ts'
import { exampleProject, lastRecord } from './examples.ts'

const problem = livyProblem()
const yarn: Yarn | undefined = problem === undefined ? await startYarn() : undefined
afterAll(() => yarn?.stop())

const firstLines = '   25  the\n   20  to\n   19  that\n   15  of\n'

describe.skipIf(problem)(`the word count on a real cluster${problem === undefined ? '' : ` (${problem})`}`, () => {
  it('gives, unchanged, the same on this machine and there: output, metrics, files', async () => {
    if (yarn === undefined) return
    const seen = async (project: Project, configuration: string) => {
      const finished = await project.errand('submit', '-c', configuration, 'wordcount.py')
      expect(finished.exitCode, finished.stderr).toBe(0)
      const { Words, 'Distinct Words': distinct, 'Most Frequent': most, attachments } = await lastRecord(project)
      const ranking = await project.errand('history', 'last', '--artifact', 'outputs/ranking.csv')
      return {
        output: scriptOutput(finished),
        Words,
        distinct,
        most,
        ranking: ranking.stdout,
        parquet: /outputs\/ranking\.parquet\/part-/.test(attachments),
      }
    }
    using project = exampleProject('spark-wordcount', `${process.env['ERRAND_PYTHON_SPARK']}/bin/python`)
    const attach = ['--name', 'cluster', '--overwrite', '--livy-url', yarn.livy.url, '--webhdfs-url', yarn.webHdfsUrl]
    const attached = await project.errand(
      'computetarget',
      'attach',
      'cluster',
      ...attach,
      '--username',
      userInfo().username,
      '--no-password',
    )
    expect(attached.exitCode, attached.stderr).toBe(0)
    const prepared = await project.errand('experiment', 'prepare', '-c', 'cluster')
    expect(prepared.exitCode, prepared.stderr).toBe(0)
    const there = await seen(project, 'cluster')
    expect(there).toMatchObject({ Words: 454, most: 'the', parquet: true })
    expect(there.output.startsWith(firstLines)).toBe(true)
    expect(await seen(project, 'local')).toEqual(there)
  })
})
