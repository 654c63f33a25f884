import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'errand-examples-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** The logging module as far as the examples use it, without a run behind it: what is logged ends in a file. */
const library = join(root, 'library')
mkdirSync(join(library, 'azureml'), { recursive: true })
writeFileSync(join(library, 'azureml', '__init__.py'), '')
writeFileSync(
  join(library, 'azureml', 'logging.py'),
  `import json, os

class Logger(object):
    def log(self, name, value):
        with open(os.environ["LOGGED"], "a") as file:
            file.write(json.dumps([name, value]) + "\\n")

def get_azureml_logger():
    return Logger()
`,
)

/** A copy of the example, as a run has it. */
function copyOf(example: string) {
  const directory = mkdtempSync(join(root, `${example}-`))
  cpSync(join(import.meta.dirname, example), directory, { recursive: true })
  const logged = join(directory, 'logged')
  return {
    directory,
    read: (path: string) => readFileSync(join(directory, path), 'utf8'),
    run(python: string, ...parameters: readonly string[]) {
      rmSync(logged, { force: true })
      const environment = { ...process.env, PYTHONPATH: library, LOGGED: logged, PYTHONDONTWRITEBYTECODE: '1' }
      const { status, stdout, stderr } = spawnSync(python, parameters, { cwd: directory, env: environment, encoding: 'utf8' })
      const lines = existsSync(logged) ? readFileSync(logged, 'utf8').trim().split('\n') : []
      const metrics = new Map(lines.map((line) => JSON.parse(line)))
      return { status, stdout, stderr, metrics }
    },
  }
}

const answers = (python: string, program: string) => spawnSync(python, ['-c', program]).status === 0
const pythons = ['python3', ...[5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map((minor) => `python3.${minor}`)].filter((python) =>
  answers(python, 'import sys; sys.exit(sys.version_info < (3, 5))'),
)

describe('iris', () => {
  it('has the table that Fisher printed', () => {
    const [header, ...lines] = copyOf('iris').read('iris.csv').trim().split('\n')
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

  it.each(pythons)('is learned with the standard library of %s', (python) => {
    const project = copyOf('iris')
    const { status, stdout, stderr, metrics } = project.run(python, 'train.py')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect([...metrics.keys()]).toEqual(['Regularization Rate', 'Loss', 'Accuracy', 'Fold Accuracy', 'Cross-Validation Accuracy'])
    expect(metrics.get('Regularization Rate')).toBe(0.01)
    expect(metrics.get('Accuracy')).toBeGreaterThan(0.88)
    expect(metrics.get('Cross-Validation Accuracy')).toBeGreaterThan(0.93)
    expect(metrics.get('Fold Accuracy')).toHaveLength(5)
    const losses = metrics.get('Loss')
    expect(losses).toHaveLength(150)
    expect(losses[0]).toBeCloseTo(Math.log(3), 10)
    expect(losses.at(-1)).toBeLessThan(0.25)
    expect(stdout).toMatch(/setosa +15 +0 +0\n/)
    const picture = `import sys, xml.etree.ElementTree as tree
root = tree.parse("outputs/iris.svg").getroot()
name = "{http://www.w3.org/2000/svg}"
print(len(root.findall(name + "polygon")), len(root.findall(name + "g/" + name + "g")))`
    expect(project.run(python, '-c', picture).stdout.trim()).toBe('3 150')
  })

  it('gives the same model for the same seed and rate, and another one for another rate', () => {
    const project = copyOf('iris')
    const model = (...parameters: readonly string[]) => {
      expect(project.run('python3', 'train.py', ...parameters).status).toBe(0)
      return project.read('outputs/model.json')
    }
    const first = model()
    expect(model('0.01', '--seed', '1936')).toBe(first)
    expect(model('0.5')).not.toBe(first)
    expect(model('--seed', '1')).not.toBe(first)
  })

  it('leaves a model that names flowers', () => {
    const project = copyOf('iris')
    project.run('python3', 'train.py')
    const named = (...measures: readonly string[]) =>
      project.run('python3', 'predict.py', 'outputs/model.json', ...measures).stdout.split(' ')[0]
    expect(named('5.1', '3.5', '1.4', '0.2')).toBe('setosa')
    expect(named('5.7', '2.8', '4.1', '1.3')).toBe('versicolor')
    expect(named('6.5', '3.0', '5.8', '2.2')).toBe('virginica')
  })

  it.each(['much', '3', '--epochs 0'])('refuses %s as an argument', (parameters) => {
    const { status, stderr } = copyOf('iris').run('python3', 'train.py', ...parameters.split(' '))
    expect(status).toBe(2)
    expect(stderr).toContain('train.py: error: ')
  })
})

/** An interpreter with the packages: the one that ERRAND_TEST_CHURN_PYTHON names, else any. */
const churnPython = [process.env['ERRAND_TEST_CHURN_PYTHON'], ...pythons].find(
  (python) => python !== undefined && answers(python, 'import pandas, sklearn'),
)
const sample = join(import.meta.dirname, '..', '..', 'shared', 'data', 'churn', 'CATelcoCustomerChurnTrainingSample.csv')

describe('churn', () => {
  it('invents the same customers for a seed, others for another, with the columns of the sample', () => {
    const project = copyOf('churn')
    const invent = (...parameters: readonly string[]) => {
      expect(project.run('python3', 'generate.py', 'invented.csv', '--customers', '50', ...parameters).status).toBe(0)
      return project.read('invented.csv')
    }
    const first = invent()
    expect(invent('--seed', '2015')).toBe(first)
    expect(invent('--seed', '1')).not.toBe(first)
    const [header, ...rows] = first.trim().split('\n')
    expect(header?.split(',')).toHaveLength(29)
    expect(rows.every((row) => row.split(',').length === 29 && row.split(',')[12] === '\\N')).toBe(true)
    expect(new Set(rows.map((row) => row.split(',')[26]))).toEqual(new Set(['0', '1']))
  })

  const learn = (...parameters: readonly string[]) => {
    const project = copyOf('churn')
    const { status, stderr, metrics } = project.run(churnPython ?? 'python3', 'train.py', ...parameters)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(statSync(join(project.directory, 'outputs', 'model.pkl')).size).toBeGreaterThan(1000)
    for (const name of ['Naive Bayes Accuracy', 'Decision Tree Accuracy']) expect(metrics.get(name)).toBeGreaterThan(0.8)
    return { project, metrics }
  }

  it.skipIf(churnPython === undefined)(
    'is learned from invented customers, better than by guessing (needs a Python with pandas and scikit-learn)',
    () => {
      const { metrics } = learn()
      expect(metrics.get('Naive Bayes Accuracy')).toBeGreaterThan(metrics.get('Baseline Accuracy'))
      expect(metrics.get('Decision Tree Accuracy')).toBeGreaterThan(metrics.get('Baseline Accuracy'))
      expect(metrics.get('Decision Tree AUC')).toBeGreaterThan(0.8)
    },
  )

  it.skipIf(churnPython === undefined || !existsSync(sample))(
    'is learned from the real sample (needs the sample in ../shared beside the checkout)',
    () => {
      const { project, metrics } = learn('--data', sample)
      project.run('python3', 'generate.py', 'invented.csv')
      expect(project.read('invented.csv').split('\n')[0]).toBe(readFileSync(sample, 'utf8').split(/\r?\n/, 1)[0])
      expect(metrics.get('Rows')).toBe(20_468)
      expect(metrics.get('Decision Tree AUC')).toBeGreaterThan(0.6)
    },
  )

  it.skipIf(churnPython === undefined)('takes the table in data/ when there is one', () => {
    const project = copyOf('churn')
    mkdirSync(join(project.directory, 'data'))
    project.run('python3', 'generate.py', 'data/mine.csv', '--customers', '500')
    const { status, stdout } = project.run(churnPython ?? 'python3', 'train.py')
    expect({ status, data: stdout.split('\n')[0] }).toEqual({ status: 0, data: 'Data: data/mine.csv' })
  })
})
