import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Project, repository, scriptOutput } from './errand.ts'
import { answers, exampleProject, lastRecord, readText, submit } from './examples.ts'

const names = ['python3', ...[5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map((minor) => `python3.${minor}`)]
const installed = globSync(join(homedir(), '.pyenv/versions/3.*/bin/python'))
const pythons = [...names, ...installed].filter((python) => answers(python, 'import sys; sys.exit(sys.version_info < (3, 5))'))

describe('iris', () => {
  it.each(pythons)('is learned by %s, with the same metrics as by every other', async (python) => {
    using project = exampleProject('iris', python)
    expect(await submit(project, 'train.py')).toMatchObject({ exitCode: 0, stderr: '' })
    const record = await lastRecord(project)
    expect(record['Accuracy']).toBeCloseTo(0.9111, 4)
    expect(record['Cross-Validation Accuracy']).toBeCloseTo(0.96, 4)
    expect(record.attachments).toContain('outputs/iris.svg, outputs/model.json')
  })
})

const environment = process.env['ERRAND_PYTHON_CHURN']
const python = environment === undefined ? undefined : join(environment, 'bin/python')
const [sample] = globSync(join(repository, '../shared/data/churn/*.csv'))

describe.skipIf(python === undefined || !existsSync(python))('churn (needs pandas and scikit-learn, which ./check --all brings)', () => {
  const learn = async (project: Project, ...words: readonly string[]) => {
    const finished = await submit(project, 'train.py', ...words)
    expect(finished).toMatchObject({ exitCode: 0, stderr: '' })
    const record = await lastRecord(project)
    expect(record.attachments).toContain('outputs/model.pkl')
    for (const name of ['Naive Bayes Accuracy', 'Decision Tree Accuracy']) expect(record[name]).toBeGreaterThan(0.8)
    await project.errand('history', 'download', 'last', '--artifact', 'outputs/model.pkl', '-d', 'results')
    const loads = 'import pickle; print(type(pickle.load(open("results/outputs/model.pkl", "rb"))).__name__)'
    const { stdout } = spawnSync(python ?? '', ['-c', loads], { cwd: project.directory, encoding: 'utf8' })
    expect(stdout).toBe('Pipeline\n')
    return { finished, record }
  }

  it('is learned from invented customers, better than by guessing', async () => {
    using project = exampleProject('churn', python)
    const { finished, record } = await learn(project)
    expect(scriptOutput(finished)).toMatch(/^Data: invented/)
    expect(record['Naive Bayes Accuracy']).toBeGreaterThan(record['Baseline Accuracy'])
    expect(record['Decision Tree Accuracy']).toBeGreaterThan(record['Baseline Accuracy'])
    expect(record['Decision Tree AUC']).toBeGreaterThan(0.8)
  })

  it('takes the table in data/ when there is one', async () => {
    using project = exampleProject('churn', python)
    mkdirSync(join(project.directory, 'data'))
    spawnSync('python3', ['generate.py', 'data/mine.csv', '--customers', '500'], { cwd: project.directory })
    const finished = await submit(project, 'train.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(scriptOutput(finished).split('\n')[0]).toBe('Data: data/mine.csv')
  })

  it.skipIf(sample === undefined)('is learned from the real sample (needs ../shared/data/churn beside the checkout)', async () => {
    using project = exampleProject('churn', python)
    const { record } = await learn(project, '--data', sample ?? '')
    expect(record).toMatchObject({ Rows: 20_468 })
    expect(record['Decision Tree AUC']).toBeGreaterThan(0.6)
    spawnSync('python3', ['generate.py', 'invented.csv'], { cwd: project.directory })
    expect(readText(project, 'invented.csv').split('\n')[0]).toBe(readFileSync(sample ?? '', 'utf8').split(/\r?\n/, 1)[0])
  })
})
