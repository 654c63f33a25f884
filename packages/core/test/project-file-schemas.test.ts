import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import Ajv from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type SchemaFile, configurationSchemas } from '../src/project/file-schemas.ts'
import { projectFiles } from '../src/project/init-templates.ts'

const schemas = configurationSchemas([])
const ajv = new Ajv.default({ strict: true, strictRequired: false, allowUnionTypes: true })
const validators = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]))

function faults(file: SchemaFile, text: string): string[] {
  const validate = validators[file]
  if (validate === undefined) throw new Error(`no schema for ${file}`)
  return validate(parse(text)) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`)
}

function fileOf(path: string): SchemaFile {
  if (path.endsWith('.runconfig')) return 'runconfig'
  if (path.endsWith('.compute')) return 'compute'
  return path.endsWith('spark_dependencies.yml') ? 'spark_dependencies' : 'conda_dependencies'
}

describe('the schemas of configuration files', () => {
  it.each(Object.entries(projectFiles).filter(([path]) => path.startsWith('aml_config/')))('take %s of a new project', (path, text) => {
    expect(faults(fileOf(path), text)).toEqual([])
  })

  const examples = resolve(import.meta.dirname, '../../../examples')
  // What the type cluster adds to the keys of the original is known where its package is.
  const files = globSync('*/aml_config/*.{compute,runconfig,yml}', { cwd: examples }).filter((file) => !file.endsWith('cluster.compute'))
  it('take the files of the examples', () => {
    expect(files.length).toBeGreaterThan(8)
    for (const file of files) expect(faults(fileOf(file), readFileSync(resolve(examples, file), 'utf8')), file).toEqual([])
  })

  const good: readonly (readonly [SchemaFile, string])[] = [
    [
      'runconfig',
      'ArgumentVector: [$file, 0.01]\nTarget: docker\nEnvironmentVariables: null\nFramework: python\nPrepareEnvironment: "True"\n',
    ],
    ['runconfig', 'CondaFile: null\nAutoPrepareEnvironment: true\nUseSampling: true\n'],
    ['runconfig', 'environment: {python: {}}\nscript: train.py\nwhatever: 1\n'],
    ['compute', 'type: localdocker\nbaseDockerImage: null\nsharedVolumes: false\n'],
    ['compute', 'type: cluster\naddress: foo-ssh\nusername: sshuser\npassword: AzureMlSecret=a#b#c\nyarnDeployMode: client\n'],
    ['compute', 'cluster: False\nnative: False\naddress: a\nusername: b\n'],
    ['conda_dependencies', 'name: x\nchannels: [conda-forge]\ndependencies:\n- python=3.12\n- pip:\n  - requests\n'],
    [
      'spark_dependencies',
      'configuration: {"spark.app.name": x, spark.executor.cores: 2}\npackages: [{group: a, artifact: b, version: "1"}]\n',
    ],
  ]
  it.each(good)('take a %s that the loader takes: %s', (file, text) => {
    expect(faults(file, text)).toEqual([])
  })

  const bad: readonly (readonly [SchemaFile, string])[] = [
    ['runconfig', 'PrepareEnviroment: true\n'],
    ['runconfig', 'Framework: TensorFlow\n'],
    ['runconfig', 'TrackedRun: perhaps\n'],
    ['runconfig', 'ArgumentVector: train.py\n'],
    ['compute', 'type: dokcer\n'],
    ['compute', 'type: remote\nusername: ann\n'],
    ['compute', 'type: docker\nsharedVolumne: true\n'],
    ['conda_dependencies', 'dependencies: [{conda: [x]}]\n'],
    ['spark_dependencies', 'packages: [{group: a, artifact: b}]\n'],
  ]
  it.each(bad)('show what is wrong in a %s: %s', (file, text) => {
    expect(faults(file, text)).not.toEqual([])
  })
})
