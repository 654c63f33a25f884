/* oxlint-disable vitest/no-standalone-expect -- the checks are a table, and a test of its own calls each */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duration, firstErrorLine, json, showArguments, time, wordsOf } from './acceptance.ts'
import { type Finished, type Project, makeProject, repository, runIdOf, scriptOutput, until } from './errand.ts'

/** Every line of reference/original-cli.md §6 and §7, word for word, with targets on this machine. What was run and seen is printed as a table. */

/** What is looked at behind a line, by the words that say so in the table. */
type Checks = Readonly<Record<string, (finished: Finished) => void | Promise<void>>>

interface Line {
  readonly line: string
  /** 0 when absent. */
  readonly exitCode?: number
  /** What the words in capitals, or an address that nobody answers at, stand for when the line is run. */
  readonly standsFor?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  readonly checks: Checks
}

const table: { readonly line: string; readonly exitCode: number | null; readonly checked: string }[] = []
afterAll(() => {
  const cell = (text: string) => text.replaceAll('|', String.raw`\|`)
  const rows = table.map(({ line, exitCode, checked }) => `| ${cell(`\`${line}\``)} | ${exitCode} | ${cell(checked)} |`)
  console.log(['| command line | exit code | checked |', '|---|---|---|', ...rows].join('\n'))
})

const installed = (name: string): boolean => {
  const manifest = JSON.parse(readFileSync(join(repository, 'apps/cli/package.json'), 'utf8'))
  return Object.hasOwn({ ...manifest.dependencies, ...manifest.devDependencies }, name)
}

let project: Project
const client = `${showArguments}from azureml.logging import get_azureml_logger
get_azureml_logger().log("Accuracy", 0.5)
open("outputs/model.txt", "w").write("a model")
`
beforeAll(() => {
  const targets = ['local', 'docker-python', 'docker', 'dockerdsvm', 'remoteVM', 'myhdi']
  const scripts = ['my_script.py', 'iris_sklearn.py', 'first.py', 'Code/etl.py', 'train.py']
  const both = (name: string) => [
    [`aml_config/${name}.compute`, 'type: local\n'],
    [`aml_config/${name}.runconfig`, `Target: ${name}\nFramework: Python\nArgumentVector: [$file]\n`],
  ]
  project = makeProject({
    'rel/script.py': client,
    'long.py': 'import time\nopen("outputs/early", "w").write("kept")\nprint("up", flush=True)\ntime.sleep(600)\n',
    'Config/conda_dependencies.yml': 'name: other\ndependencies: [python=3.11]\n',
    'Config/hdi_spark_dependencies.yml': 'configuration: {spark.app.name: other}\n',
    'aml_config/conda_dependencies2.yml': 'name: second\ndependencies: [python=3.11]\n',
    ...Object.fromEntries(targets.flatMap(both)),
    ...Object.fromEntries(scripts.map((name) => [name, showArguments])),
  })
})
afterAll(() => project[Symbol.dispose]())

const read = (path: string) => readFileSync(join(project.directory, path), 'utf8')
const newest = async () => json(await project.errand('history', 'last', '-o', 'json'))

/** The script got these arguments, and the record of the run names this target. */
const ran = (target: string, ...argv: readonly string[]): Checks => ({
  [`the script got ${JSON.stringify(argv)}`]: (finished) => expect(JSON.parse(scriptOutput(finished))).toEqual(argv),
  [`its record: ${target}, ${argv[0]}, Completed`]: async (finished) => {
    const expected = { run_id: runIdOf(finished), target, script_name: argv[0], status: 'Completed' }
    expect(await newest()).toMatchObject(expected)
  },
})

const prepared = (target: string): Checks => ({
  'RunId and one sentence that it is prepared': (finished) =>
    expect(finished.stdout).toMatch(new RegExp(`^RunId: ${runIdOf(finished)}\n${target} is prepared: .+\\.\n$`)),
  [`its record: prepare, ${target}, Completed, both times`]: async (finished) => {
    const record = json(await project.errand('history', 'info', '-r', runIdOf(finished), '-o', 'json'))
    expect(record).toMatchObject({ run_type: 'prepare', status: 'Completed', target, script_name: null })
    expect([record.start_time_utc, record.end_time_utc]).toEqual([expect.stringMatching(time), expect.stringMatching(time)])
  },
})

/** Both files are there as the original wrote them, the password is in neither, and the next command is printed. */
const attached = (name: string, type: string, keys: Readonly<Record<string, string>>): Checks => ({
  'both files created, the prepare line printed': ({ stdout }) => {
    expect(stdout).toContain(`created aml_config/${name}.compute\ncreated aml_config/${name}.runconfig\n`)
    expect(stdout).toMatch(new RegExp(`^errand experiment prepare -c ${name}$`, 'm'))
  },
  [`type ${type} with address and user, no password in any file`]: () => {
    const lines = read(`aml_config/${name}.compute`).trimEnd().split('\n')
    const expected = Object.entries({ type, username: 'sshuser', ...keys }).map(([key, value]) => `${key}: ${value}`)
    expect(lines).toEqual(expect.arrayContaining(expected))
    expect(read(`aml_config/${name}.compute`) + read(`aml_config/${name}.runconfig`)).not.toMatch(/password|: "?x"?$/m)
    expect(read(`aml_config/${name}.runconfig`)).toMatch(new RegExp(`^Target: ${name}$`, 'm'))
  },
  'computetarget list names it, detach takes it away with its secret': async () => {
    expect(json(await project.errand('computetarget', 'list', '-o', 'json'))).toContain(name)
    expect(await project.errand('computetarget', 'detach', '-n', name)).toMatchObject({ exitCode: 0 })
    expect(existsSync(join(project.directory, `aml_config/${name}.compute`))).toBe(false)
    expect(await project.errand('runconfiguration', 'delete', '-n', name)).toMatchObject({ exitCode: 0 })
    expect(json(await project.errand('secret', 'list', '-o', 'json'))).toEqual([])
  },
})

function runLines(lines: readonly Line[]): void {
  it.each(lines)('$line', async ({ line, exitCode = 0, standsFor, checks }) => {
    const replaced = Object.entries((await standsFor?.()) ?? {})
    const words = wordsOf(line).map((word) => replaced.reduce((text, [name, value]) => text.replaceAll(name, value), word))
    const finished = await project.errand(...words)
    expect(finished.exitCode, finished.stderr).toBe(exitCode)
    if (exitCode === 0) expect(firstErrorLine(finished)).not.toMatch(/^ERROR/)
    for (const check of Object.values(checks)) await check(finished)
    table.push({ line, exitCode: finished.exitCode, checked: Object.keys(checks).join('; ') })
  })
}

/** The run of the first line, which the others look at. */
let id: string
const theRun = () => ({ ID: id })

describe('what one real client did', () => {
  runLines([
    {
      line: 'experiment submit -c "CFG" "rel/script.py" 0.5 "two words"',
      standsFor: () => ({ CFG: 'local' }),
      checks: {
        ...ran('local', 'rel/script.py', '0.5', 'two words'),
        'stderr is empty': (finished) => {
          id = runIdOf(finished)
          expect(finished.stderr).toBe('')
        },
      },
    },
    {
      line: 'experiment cancel -r "ID" -t "TARGET"',
      standsFor: async () => {
        const running = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'long.py'))
        await until(async () => (await project.errand('logs', running)).stdout === 'up\n', 'the script to start')
        return { ID: running, TARGET: 'local' }
      },
      checks: {
        'says "Experiment run canceled successfully."': ({ stdout }) => expect(stdout).toBe('Experiment run canceled successfully.\n'),
        'its record: Canceled; what it wrote is here; the wrong target is refused': async () => {
          const record = await newest()
          expect(record.status).toBe('Canceled')
          expect((await project.errand('history', 'info', '-r', record.run_id, '--artifact', 'outputs/early')).stdout).toBe('kept')
          const contradiction = await project.errand('experiment', 'cancel', '-r', record.run_id, '-t', 'docker')
          expect(contradiction.exitCode).toBe(1)
          expect(firstErrorLine(contradiction)).toMatch(/^ERROR: .*local.*docker/)
        },
      },
    },
    {
      line: 'history list -o json',
      checks: {
        'pure JSON, newest first: run_id, status, script_name, created_utc, duration, and the metric': (finished) => {
          expect(finished.stderr).toBe('')
          expect(json(finished).at(-1)).toEqual({
            run_id: id,
            script_name: 'rel/script.py',
            status: 'Completed',
            start_time_utc: expect.stringMatching(time),
            duration: expect.stringMatching(duration),
            created_utc: expect.stringMatching(time),
            target: 'local',
            Accuracy: 0.5,
          })
        },
      },
    },
    {
      line: 'history info -r "ID" -o json',
      standsFor: theRun,
      checks: {
        'name, user_id, status, target, script_name and the three times': (finished) => {
          const record = json(finished)
          expect(record).toMatchObject({ name: 'project', run_id: id, status: 'Completed', target: 'local', script_name: 'rel/script.py' })
          expect(record.user_id).toMatch(/./)
          for (const key of ['created_utc', 'start_time_utc', 'end_time_utc']) expect(record[key]).toMatch(time)
        },
        'attachments.split(",") are the names of its files': (finished) => {
          const { attachments } = json(finished)
          const names = attachments.split(',').map((name: string) => name.trim())
          expect(names).toEqual(['outputs/model.txt', 'control_log', 'driver_log', 'pid.txt'])
          expect(attachments).toBe(names.join(', '))
        },
      },
    },
    {
      line: 'history info -r "ID" --artifact "NAME"',
      standsFor: () => ({ ID: id, NAME: 'outputs/model.txt' }),
      checks: {
        'the content and nothing else': (finished) => expect(finished).toMatchObject({ stdout: 'a model', stderr: '' }),
        'an unknown name is exit code 1; log names of both generations': async () => {
          const unknown = await project.errand('history', 'info', '-r', id, '--artifact', 'outputs/none')
          expect(unknown).toMatchObject({ exitCode: 1, stdout: '' })
          expect(firstErrorLine(unknown)).toMatch(/^ERROR: .*outputs\/none/)
          for (const name of ['driver_log', 'azureml-logs/80_driver_log.txt']) {
            const log = json(await project.errand('history', 'info', '-r', id, '--artifact', name))
            expect(log).toEqual(['rel/script.py', '0.5', 'two words'])
          }
        },
      },
    },
    {
      line: 'history download --overwrite -r "ID" -d artifacts/ID',
      standsFor: theRun,
      checks: {
        'one line for each file, folders kept': ({ stdout }) => {
          const path = join(project.directory, `artifacts/${id}/outputs/model.txt`)
          expect(stdout.trim().split('\n')).toContain(`Artifact outputs/model.txt has been downloaded to ${path}`)
          expect(stdout.trim().split('\n')).toHaveLength(4)
        },
        'without --overwrite nothing is written when a file is there': async () => {
          project.write('there/outputs/model.txt', 'mine')
          const refused = await project.errand('history', 'download', '-r', id, '-d', 'there')
          expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
          expect(firstErrorLine(refused)).toMatch(/^ERROR: .*model\.txt/)
          expect(read('there/outputs/model.txt')).toBe('mine')
          expect(existsSync(join(project.directory, 'there/driver_log'))).toBe(false)
        },
      },
    },
    {
      line: 'history download --overwrite -r "ID" --artifact "NAME" -d artifacts/ID',
      standsFor: () => ({ ID: id, NAME: 'outputs/model.txt' }),
      checks: {
        'the one file, byte for byte': ({ stdout }) => {
          expect(stdout.trim().split('\n')).toHaveLength(1)
          expect(read(`artifacts/${id}/outputs/model.txt`)).toBe('a model')
        },
      },
    },
    {
      line: 'computetarget list -o json',
      checks: {
        'an array of names': (finished) =>
          expect(json(finished)).toEqual(['docker', 'docker-python', 'dockerdsvm', 'local', 'myhdi', 'remoteVM']),
      },
    },
    {
      line: 'runconfiguration create -n X -t T',
      standsFor: () => ({ T: 'local' }),
      checks: {
        'the file is there, stderr is empty': ({ stderr }) => {
          expect(stderr).toBe('')
          expect(read('aml_config/X.runconfig')).toMatch(/^Target: local$/m)
        },
      },
    },
    {
      line: 'runconfiguration list -o json',
      checks: {
        'an array of names': (finished) =>
          expect(json(finished)).toEqual(['X', 'docker', 'docker-python', 'dockerdsvm', 'local', 'myhdi', 'remoteVM']),
      },
    },
    {
      line: 'runconfiguration delete -n X -o json',
      checks: {
        'JSON, and the file is gone': (finished) => {
          expect(json(finished)).toMatchObject({ name: 'X' })
          expect(existsSync(join(project.directory, 'aml_config/X.runconfig'))).toBe(false)
        },
      },
    },
  ])
})

describe('real command lines', () => {
  const login = { address: '192.168.1.11' }
  runLines([
    { line: 'experiment submit -c local my_script.py', checks: ran('local', 'my_script.py') },
    {
      line: String.raw`experiment submit -c docker-python .\iris_sklearn.py 0.01`,
      checks: ran('docker-python', 'iris_sklearn.py', '0.01'),
    },
    { line: 'experiment submit --run-configuration docker ./first.py', checks: ran('docker', 'first.py') },
    {
      line: 'experiment submit -t dockerdsvm -c dockerdsvm ./Code/etl.py ./Config/storageconfig.json FILTER_IP',
      checks: ran('dockerdsvm', 'Code/etl.py', './Config/storageconfig.json', 'FILTER_IP'),
    },
    {
      line: 'experiment submit -a -t myhdi -c myhdi -d Config/conda_dependencies.yml -s Config/hdi_spark_dependencies.yml ./Code/etl.py FULL FALSE Config/x.json',
      checks: {
        'the RunId line alone, then wait ends with Completed': async (finished) => {
          expect(finished.stdout).toBe(`RunId: ${runIdOf(finished)}\n`)
          const waited = await project.errand('wait', runIdOf(finished))
          expect(waited).toMatchObject({ exitCode: 0, stdout: `${runIdOf(finished)} : Completed\n` })
        },
        'the script got its arguments': async (finished) => {
          const log = await project.errand('history', 'info', '-r', runIdOf(finished), '--artifact', 'driver_log')
          expect(JSON.parse(log.stdout)).toEqual(['Code/etl.py', 'FULL', 'FALSE', 'Config/x.json'])
        },
      },
    },
    {
      line: String.raw`experiment submit -c remoteVM .\iris_sklearn.py --wait`,
      checks: {
        ...ran('remoteVM', 'iris_sklearn.py', '--wait'),
        'a note that --wait belongs before the script': ({ stderr }) => expect(stderr).toContain('--wait'),
      },
    },
    {
      line: 'experiment status --run ID --target remoteVM',
      standsFor: async () => ({ ID: (await newest()).run_id }),
      checks: {
        'the third word of the line with "state : " is Completed': ({ stdout }) =>
          expect(
            stdout
              .split('\n')
              .find((text) => text.includes('state : '))
              ?.split(' ')[2],
          ).toBe('Completed'),
        'another target is refused': async () => {
          const { run_id } = await newest()
          expect((await project.errand('experiment', 'status', '--run', run_id, '--target', 'docker')).exitCode).toBe(1)
        },
      },
    },
    {
      line: 'experiment prepare -c dockerdsvm -t dockerdsvm -d aml_config/conda_dependencies2.yml',
      checks: prepared('dockerdsvm'),
    },
    { line: 'experiment prepare --target docker --run-configuration docker', checks: prepared('docker') },
    {
      line: 'experiment diagnostics -r ID -t TARGET',
      standsFor: () => ({ ID: id, TARGET: 'local' }),
      checks: {
        'diagnostics.zip in the project, every entry below the run id': ({ stdout }) => {
          expect(stdout).toContain(join(project.directory, 'diagnostics.zip'))
          const names = zipNames(readFileSync(join(project.directory, 'diagnostics.zip')))
          expect(names.length).toBeGreaterThan(5)
          expect(names.filter((name) => !name.startsWith(`${id}/`))).toEqual([])
        },
      },
    },
    {
      line: 'computetarget attach --name "remotevm" --address "192.168.1.11" --username "sshuser" --password "x"',
      checks: attached('remotevm', 'remotedocker', login),
    },
    {
      line: 'computetarget attach --name "remotevm" --address "192.168.1.11" --username "sshuser" --password "x" --type remotedocker',
      checks: attached('remotevm', 'remotedocker', login),
    },
    {
      line: 'computetarget attach --cluster --name "azhdi" --address "10.0.0.5" --username "sshuser" --password "x"',
      checks: attached('azhdi', 'cluster', { address: '10.0.0.5', yarnDeployMode: 'cluster' }),
    },
    {
      line: 'computetarget attach remotedocker --name "remotevm" --address "192.168.1.11" --username "sshuser" -k',
      // Without the type only the files can be written: what is to be installed is said, and that it is not done yet.
      exitCode: installed('@errand/target-remotedocker') ? 0 : 1,
      standsFor: () => ({ '192.168.1.11': '127.0.0.1:1' }),
      checks: {
        ...attached('remotevm', 'remotedocker', { address: '127.0.0.1:1', privateKey: 'project' }),
        'nobody answers there: how to let the key in by hand, or what to install': ({ stdout }) =>
          expect(stdout).toMatch(/authorized_keys|errand plugins install @errand\/target-remotedocker/),
      },
    },
    {
      line: 'computetarget attach remotedocker -n myvm -a 192.168.1.11 -u sshuser -w x',
      checks: attached('myvm', 'remotedocker', login),
    },
    {
      line: 'computetarget attach remote --name "remotevm" --address "192.168.1.11" --username "sshuser" --password "x"',
      checks: attached('remotevm', 'remote', { ...login, userManagedEnvironment: 'true' }),
    },
    {
      line: 'computetarget attach cluster --name "myhdi" --address "foo-ssh.azurehdinsight.net" --username "sshuser" --password "x"',
      // Another test has the name.
      standsFor: () => ({ myhdi: 'azhdi' }),
      checks: attached('azhdi', 'cluster', { address: 'foo-ssh.azurehdinsight.net' }),
    },
    {
      line: 'history list -o table',
      checks: {
        'headings as the original wrote them, one row a run': async ({ stdout }) => {
          const columns = ['Run_id', 'Status', 'Script_name', 'Target', 'Start_time_utc', 'Duration', 'Accuracy']
          expect(stdout.split('\n')[0]?.split(/ {2,}/)).toEqual(columns)
          expect(stdout.trim().split('\n')).toHaveLength(2 + json(await project.errand('history', 'list')).length)
        },
      },
    },
    {
      line: 'history last',
      checks: {
        'the record of the newest run that is no prepare': async (finished) => {
          const rows = json(await project.errand('history', 'list'))
          const first = rows.find((row: { readonly script_name: string | null }) => row.script_name !== null)
          expect(json(finished).run_id).toBe(first.run_id)
        },
      },
    },
    { line: 'execute start -c docker train.py', checks: ran('docker', 'train.py') },
  ])
})

/** Names in the central directory of a zip file: PKWARE's APPNOTE 4.3.12. */
function zipNames(zip: Buffer): string[] {
  const names: string[] = []
  for (let at = zip.indexOf('PK\u0001\u0002'); at !== -1; at = zip.indexOf('PK\u0001\u0002', at + 46)) {
    names.push(zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28)))
  }
  return names
}
