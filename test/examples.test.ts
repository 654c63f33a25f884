import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { scriptOutput } from './errand.ts'
import { exampleProject, lastArtifact, lastRecord, readText, submit } from './examples.ts'

describe('iris', () => {
  it('has the table that Fisher printed', () => {
    using project = exampleProject('iris')
    const [header, ...lines] = readText(project, 'iris.csv').trim().split('\n')
    expect(header).toBe('sepal_length,sepal_width,petal_length,petal_width,species')
    const rows = lines.map((line) => line.split(','))
    const meansOf = (species: string) => {
      const flowers = rows.filter((row) => row[4] === species)
      const means = [0, 1, 2, 3].map((column) => flowers.reduce((sum, row) => sum + Number(row[column]), 0) / flowers.length)
      return [flowers.length, ...means.map((mean) => mean.toFixed(3))]
    }
    expect(meansOf('setosa')).toEqual([50, '5.006', '3.428', '1.462', '0.246'])
    expect(meansOf('versicolor')).toEqual([50, '5.936', '2.770', '4.260', '1.326'])
    expect(meansOf('virginica')).toEqual([50, '6.588', '2.974', '5.552', '2.026'])
    // The two rows that differ in the copy that most sites hand on.
    expect([lines[34], lines[37]]).toEqual(['4.9,3.1,1.5,0.2,setosa', '4.9,3.6,1.4,0.1,setosa'])
  })

  it('is learned: metrics in the record, the model and the picture among the artifacts', async () => {
    using project = exampleProject('iris')
    const finished = await submit(project, 'train.py')
    expect(finished).toMatchObject({ exitCode: 0, stderr: '' })
    expect(scriptOutput(finished)).toMatch(/setosa +15 +0 +0\n/)

    const record = await lastRecord(project)
    expect(record).toMatchObject({ status: 'Completed', 'Regularization Rate': 0.01 })
    expect(record.attachments).toContain('outputs/iris.svg, outputs/model.json')
    expect(record['Accuracy']).toBeGreaterThan(0.88)
    expect(record['Cross-Validation Accuracy']).toBeGreaterThan(0.93)
    expect(record['Fold Accuracy']).toHaveLength(5)
    const losses = record['Loss']
    expect(losses).toHaveLength(150)
    expect(losses[0]).toBeCloseTo(Math.log(3), 10)
    expect(losses.at(-1)).toBeLessThan(0.25)

    const picture = await lastArtifact(project, 'outputs/iris.svg')
    expect(picture.match(/<polygon/g)).toHaveLength(3)
    const isXml = spawnSync('python3', ['-c', 'import sys, xml.dom.minidom as dom; dom.parse(sys.stdin.buffer)'], { input: picture })
    expect(isXml.status).toBe(0)

    // A model that a run has left names flowers.
    await project.errand('history', 'download', 'last', '-d', 'results')
    for (const [measures, species] of flowers) {
      const { stdout } = spawnSync('python3', ['predict.py', 'results/outputs/model.json', ...measures.split(' ')], {
        cwd: project.directory,
        encoding: 'utf8',
      })
      expect(stdout.split(' ')[0]).toBe(species)
    }
  })

  it('gives the same model for the same seed and rate, and another one for another rate', async () => {
    using project = exampleProject('iris')
    const model = async (...words: readonly string[]) => {
      expect((await submit(project, 'train.py', ...words)).exitCode).toBe(0)
      return lastArtifact(project, 'outputs/model.json')
    }
    const first = await model('--epochs', '20')
    expect(await model('0.01', '--seed', '1936', '--epochs', '20')).toBe(first)
    expect(await model('0.5', '--epochs', '20')).not.toBe(first)
    expect(await model('--seed', '1', '--epochs', '20')).not.toBe(first)
  })

  it.each(['much', '3', '--epochs 0'])('refuses %s as an argument', async (parameters) => {
    using project = exampleProject('iris')
    const { exitCode, stderr } = await submit(project, 'train.py', ...parameters.split(' '))
    expect(exitCode).toBe(1)
    expect(stderr).toContain('train.py: error: ')
    expect(stderr).toMatch(/^ERROR: .*exit code 2/m)
  })
})

const flowers = [
  ['5.1 3.5 1.4 0.2', 'setosa'],
  ['5.7 2.8 4.1 1.3', 'versicolor'],
  ['6.5 3.0 5.8 2.2', 'virginica'],
] as const

describe('churn', () => {
  it('invents the same customers for a seed, others for another, with the columns of the real data', () => {
    using project = exampleProject('churn')
    const invent = (...words: readonly string[]) => {
      const { status } = spawnSync('python3', ['generate.py', 'invented.csv', '--customers', '50', ...words], { cwd: project.directory })
      expect(status).toBe(0)
      return readText(project, 'invented.csv')
    }
    const first = invent()
    expect(invent('--seed', '2015')).toBe(first)
    expect(invent('--seed', '1')).not.toBe(first)
    const [header, ...rows] = first.trim().split('\n')
    expect(header?.split(',')).toHaveLength(29)
    expect(rows.every((row) => row.split(',').length === 29 && row.split(',')[12] === '\\N')).toBe(true)
    expect(new Set(rows.map((row) => row.split(',')[26]))).toEqual(new Set(['0', '1']))
  })

  it('says what is missing when the interpreter has no pandas', async () => {
    using project = exampleProject('churn')
    // An interpreter without any package: -S leaves site-packages out.
    project.write('bare-python', '#!/bin/sh\nexec python3 -S "$@"\n')
    spawnSync('chmod', ['+x', 'bare-python'], { cwd: project.directory })
    project.write('aml_config/local.compute', `type: local\npythonLocation: ${project.directory}/bare-python\n`)
    const { exitCode, stderr } = await submit(project, 'train.py')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^ERROR: .*pandas/m)
    expect(stderr).toMatch(/aml_config\/conda_dependencies\.yml is not used on local/)
  })
})
