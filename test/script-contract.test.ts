import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json } from './acceptance.ts'
import { type Finished, type Project, makeProject, runIdOf, scriptOutput, until } from './errand.ts'

/** What a script may rely on (reference/script-contract.md), all the way: command line, agent, script, history. One script for each topic. */

/** The script prints one JSON value. */
const printed = (finished: Finished) => JSON.parse(scriptOutput(finished))

const record = async (project: Project) => json(await project.errand('history', 'last', '-o', 'json'))

describe('1. the start', () => {
  const script = `
names = sorted(name for name in globals() if not name.startswith("__"))
found = {"argv": sys.argv, "names": names, "cwd": os.getcwd(), "path": sys.path, "name": __name__, "file": __file__, "stdin": sys.stdin.read()}
import json
found["encoding"] = sys.stdout.encoding
found["beside"] = __import__("beside").where
found["at root"] = __import__("at_root").where
print(json.dumps(found))
`
  let project: Project
  beforeAll(() => {
    project = makeProject({
      'Code/show.py': script,
      'Code/beside.py': 'where = "beside the script"\n',
      'at_root.py': 'where = "at the root"\n',
      'aml_config/expanding.runconfig':
        'Target: local\nFramework: Python\nExpandArguments: true\nEnvironmentVariables: {GREETING: hello}\nArgumentVector: [$file]\n',
    })
  })
  afterAll(() => project[Symbol.dispose]())

  const words = [
    '',
    ' ',
    'two words',
    '"double"',
    "'single'",
    'line\nend',
    'tab\tand\rreturn',
    'Grüße 漢字 🦀',
    '$HOME',
    '~',
    '*.py',
    'a;b|c&d>e',
    String.raw`back\slash`,
    '--flag=x',
    '-',
    '%PATH%',
    '`id`',
    '\u0007',
  ]

  it('gives arguments to the byte, and the places that a script expects', async () => {
    const finished = await project.errand('submit', '-c', 'local', 'Code/show.py', ...words)
    expect(finished.exitCode, finished.stderr).toBe(0)
    const found = printed(finished)
    expect(found.argv).toEqual(['Code/show.py', ...words])
    expect(found).toMatchObject({ names: ['os', 'sys'], name: '__main__', stdin: '', encoding: 'utf-8' })
    expect(found).toMatchObject({ beside: 'beside the script', 'at root': 'at the root' })
    expect(found.file).toBe(join(found.cwd, 'Code/show.py'))
    expect([found.path[0], found.path.at(-1)]).toEqual([join(found.cwd, 'Code'), found.cwd])
    expect(found.cwd).not.toBe(project.directory)
  })

  it('expands variables in arguments only when the run configuration says so, and tells who may have meant it', async () => {
    const expanded = await project.errand('submit', '-c', 'expanding', 'Code/show.py', '$GREETING/${GREETING}', '$NOT_SET_ANYWHERE')
    expect(printed(expanded).argv).toEqual(['Code/show.py', 'hello/hello', '$NOT_SET_ANYWHERE'])
    expect(expanded.stderr).toBe('')
    project.write(
      'aml_config/plain.runconfig',
      'Target: local\nFramework: Python\nEnvironmentVariables: {GREETING: hello}\nArgumentVector: [$file]\n',
    )
    const plain = await project.errand('submit', '-c', 'plain', 'Code/show.py', 'say $GREETING')
    expect(printed(plain).argv).toEqual(['Code/show.py', 'say $GREETING'])
    expect(plain.stderr).toMatch(/\$GREETING.*ExpandArguments: true/)
  })

  it('happens in a copy: the project is as it was, and two runs do not see each other', async () => {
    using other = makeProject({
      'train.py': 'import os\nassert not os.path.exists("made")\nopen("made", "w").close()\nopen("data.txt", "a").write("more")\n',
      'data.txt': 'data',
    })
    for (const _ of [1, 2]) expect((await other.errand('submit', '-c', 'local', 'train.py')).exitCode).toBe(0)
    expect(readFileSync(join(other.directory, 'data.txt'), 'utf8')).toBe('data')
    expect(readdirSync(other.directory).toSorted()).toEqual(['.errand', 'aml_config', 'data.txt', 'train.py'])
  })
})

describe('2. during the run', () => {
  it('outputs/ is there before the script starts, and is kept wherever the script has gone', async () => {
    using project = makeProject({
      'train.py':
        'import os\nopen("outputs/first", "w").write("1")\nout = os.path.abspath("outputs")\nos.chdir("/")\nos.mkdir(out + "/deep")\nopen(out + "/deep/second", "wb").write(bytes(range(256)))\n',
    })
    expect((await project.errand('submit', '-c', 'local', 'train.py')).exitCode).toBe(0)
    await project.errand('history', 'download', 'last', '-d', 'kept')
    expect(readFileSync(join(project.directory, 'kept/outputs/first'), 'utf8')).toBe('1')
    expect(readFileSync(join(project.directory, 'kept/outputs/deep/second'))).toEqual(
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    )
  })

  it('what is in outputs/ and logs/ is kept after a failure, and nothing else comes back', async () => {
    using project = makeProject({
      'train.py':
        'import os\nos.makedirs("logs", exist_ok=True)\nfor name in ("outputs/a", "logs/b", "other"):\n    open(name, "w").write(name)\nraise SystemExit(4)\n',
    })
    expect((await project.errand('submit', '-c', 'local', 'train.py')).exitCode).toBe(1)
    expect((await record(project)).attachments).toBe('logs/b, outputs/a, control_log, driver_log, pid.txt')
  })

  it('Outputs in the run configuration says what comes back', async () => {
    using project = makeProject({
      'train.py': 'for name in ("outputs/a", "b.csv", "c.csv", "d.txt"):\n    open(name, "w").write(name)\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nOutputs: ["*.csv"]\n',
    })
    expect((await project.errand('submit', '-c', 'local', 'train.py')).exitCode).toBe(0)
    expect((await record(project)).attachments).toBe('b.csv, c.csv, control_log, driver_log, pid.txt')
  })

  it('what children print is in the log too, in the order in which it came', async () => {
    using project = makeProject({
      'train.py':
        'import subprocess, sys\nfor number in range(3):\n    print("script", number)\n    subprocess.check_call(["sh", "-c", "echo child %d; echo aside %d >&2" % (number, number)])\nsys.stderr.write("end\\n")\n',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(scriptOutput(finished)).toBe([0, 1, 2].map((number) => `script ${number}\nchild ${number}\n`).join(''))
    expect(finished.stderr).toBe('aside 0\naside 1\naside 2\nend\n')
    // How the two streams fell into one another is up to the machine; all of both is there.
    const log = (await project.errand('history', 'last', '--artifact', 'driver_log')).stdout
    expect(log).toHaveLength(scriptOutput(finished).length + finished.stderr.length)
  })
})

describe('3. and 4. environment and shared folder', () => {
  const script = 'import json, os\nprint(json.dumps(dict(os.environ)))\n'

  it('has the variables of the run configuration, of the run, and of the shell', async () => {
    using project = makeProject(
      {
        'train.py': script,
        'aml_config/local.runconfig':
          'Target: local\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables:\n  Mixed_Case: "two words"\n  EMPTY: ""\n  NUMBER: 7\n  UNICODE: Grüße\n',
      },
      { FROM_THE_SHELL: 'yes' },
    )
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    const id = runIdOf(finished)
    const variables = printed(finished)
    expect(variables).toMatchObject({ Mixed_Case: 'two words', EMPTY: '', NUMBER: '7', UNICODE: 'Grüße', FROM_THE_SHELL: 'yes' })
    expect(variables).toMatchObject({
      ERRAND_RUN_ID: id,
      AZUREML_RUN_ID: id,
      AZUREML_ARM_PROJECT_NAME: 'project',
      AZUREML_FRAMEWORK: 'Python',
    })
    expect(variables['AZUREML_OUTPUT_DIRECTORY']).toMatch(/^\/.*\/outputs$/)
    const others = Object.keys(variables)
      .filter((name) => name.startsWith('AZUREML_'))
      .toSorted()
    expect(others).toEqual([
      'AZUREML_ARM_PROJECT_NAME',
      'AZUREML_FRAMEWORK',
      'AZUREML_LOGDIRECTORY_PATH',
      'AZUREML_OUTPUT_DIRECTORY',
      'AZUREML_RUN_ID',
    ])
  })

  it('has a shared folder for each project, ending in /, that runs see again', async () => {
    using project = makeProject({
      'train.py':
        'import os\npath = os.environ["AZUREML_NATIVE_SHARE_DIRECTORY"] + "count"\nopen(path, "a").write("x")\nprint(path, len(open(path).read()))\n',
    })
    const share = join(project.directory, '../share')
    project.write('aml_config/local.compute', `type: local\nnativeSharedDirectory: ${share}\n`)
    for (const count of [1, 2]) {
      const finished = await project.errand('submit', '-c', 'local', 'train.py')
      expect(scriptOutput(finished)).toBe(`${join(share, 'project', 'count')} ${count}\n`)
    }
  })

  it('says which keys to set when a script needs the shared folder and there is none', async () => {
    using project = makeProject({
      'train.py': 'import os\nprint("AZUREML_NATIVE_SHARE_DIRECTORY" in os.environ)\nos.environ["AZUREML_NATIVE_SHARE_DIRECTORY"]\n',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(scriptOutput(finished)).toBe('False\n')
    expect(finished.exitCode).toBe(1)
    expect(finished.stderr).toMatch(/nativeSharedDirectory.*sharedVolumes: true/s)
  })
})

describe('5. azureml.logging', () => {
  it('keeps every kind of value, in log order, from the script and its children', async () => {
    using project = makeProject({
      'train.py': `
import os, subprocess, sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
result = logger.log("Regularization Rate", 0.5)
assert result.wait() is result
logger.log("text", "Grüße")
logger.log("yes", True)
logger.log("whole", 3)
logger.log("Precision", [0.1, 0.2])
logger.log("bad", [float("nan"), float("inf"), -float("inf"), 1.5])
logger.log("alone", float("nan"))
logger.log("again", 1)
get_azureml_logger().log("again", 2)
logger.log("again", [3, 4])
logger.log("table", {"a": [1, 2], "b": [3, 4]})
logger.log("mixed", 1)
logger.log("mixed", "two")
logger.log("odd", object)
logger.upload("report.txt", "a report")
from azureml_sdk import data_collector
data_collector.current_run().log("older", 1)
if len(sys.argv) == 1:
    subprocess.check_call([sys.executable, "-c", "from azureml.logging import get_azureml_logger as g; g().log('child', 1)"])
`,
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    const metrics = await record(project)
    expect(metrics).toMatchObject({
      'Regularization Rate': 0.5,
      text: 'Grüße',
      yes: true,
      whole: 3,
      Precision: [0.1, 0.2],
      older: 1,
      child: 1,
    })
    expect(metrics).toMatchObject({
      bad: ['NaN', 'Infinity', '-Infinity', 1.5],
      alone: 'NaN',
      again: [1, 2, 3, 4],
      table: { a: [1, 2], b: [3, 4] },
      mixed: [1, 'two'],
    })
    expect(metrics.odd).toContain('object')
    expect(finished.stderr.match(/recorded as its text/g)).toHaveLength(1)
    expect((await project.errand('history', 'last', '--artifact', 'outputs/report.txt')).stdout).toBe('a report')
  })

  it('stays beside an azureml package that is installed', async () => {
    using project = makeProject({
      'train.py':
        'import azureml.api, azureml.logging, azureml.core.run\nprint(azureml.api.name, azureml.logging.get_azureml_logger is not None)\n',
      'installed/azureml/__init__.py': '',
      'installed/azureml/api.py': 'name = "installed"\n',
    })
    project.environment['PYTHONPATH'] = join(project.directory, 'installed')
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(scriptOutput(finished), finished.stderr).toBe('installed True\n')
  })
})

describe('6. azureml.core.run', () => {
  it('knows its run, and records rows, tables, images, files, tags and properties', async () => {
    using project = makeProject({
      'train.py': `
import json
from azureml.core.run import Run
run = Run.get_submitted_run()
assert Run.get_context().id == run.id
with run:
    run.log("loss", 2)
    run.log("loss", 1)
    run.log_list("list", [1, "a", None])
    run.log_row("row", x=1, y=2)
    run.log_row("row", x=3, y=4)
    run.log_table("table", {"c": [1, 2]})
    open("picture.png", "wb").write(b"png")
    run.log_image("picture", path="picture.png")
    run.upload_file("notes.txt", "picture.png")
    run.tag("kind", "first")
    run.tag("kind", "second")
    run.add_properties({"origin": "here"})
    run.add_properties({"origin": "there"})
print(json.dumps([run.id, run.get_status(), run.get_metrics()["loss"], run.get_tags()]))
run.complete()
`,
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(printed(finished)).toEqual([runIdOf(finished), 'Running', [2, 1], { kind: 'second' }])
    const metrics = await record(project)
    expect(metrics).toMatchObject({ loss: [2, 1], list: [1, 'a', null], row: { x: [1, 3], y: [2, 4] }, table: { c: [1, 2] } })
    expect(metrics).toMatchObject({ tags: { kind: 'second' }, properties: { origin: 'here' }, status: 'Completed' })
    expect(metrics.attachments).toContain('picture.png')
    expect(metrics.attachments).toContain('notes.txt')
  })
})

describe('7. the end', () => {
  it('an exception is shown with the frames of the script alone', async () => {
    using project = makeProject({
      'train.py': 'import beside\n\ndef work():\n    beside.divide()\n\nwork()\n',
      'beside.py': 'def divide():\n    return 1 / 0\n',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode).toBe(1)
    const frames = [...finished.stderr.matchAll(/File ".*\/([^/]+)", line (\d+), in (\S+)/g)].map(([, file, line, name]) => [
      file,
      line,
      name,
    ])
    expect(frames).toEqual([
      ['train.py', '6', '<module>'],
      ['train.py', '4', 'work'],
      ['beside.py', '2', 'divide'],
    ])
    expect(finished.stderr).toMatch(
      /^ERROR: The run \S+ failed: The script ended with exit code 1: ZeroDivisionError: division by zero\.$/m,
    )
  })

  it.each([
    ['os._exit(9)', 'Failed', /exit code 9/],
    ['sys.exit("a sentence")', 'Failed', /exit code 1/],
    ['os.kill(os.getpid(), 9)', 'Failed', /SIGKILL/],
    ['sys.exit()', 'Completed', /^$/],
    ['sys.exit(0)', 'Completed', /^$/],
  ])('%s is %s', async (statement, status, says) => {
    using project = makeProject({ 'train.py': `import os, sys\nopen("outputs/kept", "w").close()\n${statement}\n` })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(await record(project)).toMatchObject({ status, attachments: expect.stringContaining('outputs/kept') })
    expect(finished.stderr).toMatch(says)
  })

  it('a time limit ends the run, keeps what it had, and is the reason', async () => {
    using project = makeProject({
      'train.py': 'import time\nopen("outputs/early", "w").write("x")\nprint("working", flush=True)\ntime.sleep(600)\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nTimeLimit: 10\n',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished).toMatchObject({ exitCode: 1 })
    expect(scriptOutput(finished)).toBe('working\n')
    expect(finished.stderr).toMatch(/time limit of 10 seconds/)
    expect(await record(project)).toMatchObject({ status: 'Failed', attachments: expect.stringContaining('outputs/early') })
  })

  it('a cancel keeps what the script has written, also while it ends', async () => {
    using project = makeProject({
      'train.py':
        'import signal, sys, time\ndef end(*_):\n    open("outputs/late", "w").write("late")\n    print("ended in order", flush=True)\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\nopen("outputs/early", "w").write("early")\nprint("up", flush=True)\ntime.sleep(600)\n',
    })
    const submitted = project.start('submit', '-c', 'local', 'train.py')
    await until(async () => (await project.errand('logs', 'last')).stdout === 'up\n', 'the script to start')
    expect((await project.errand('cancel', 'last')).stdout).toBe('Experiment run canceled successfully.\n')
    const finished = await submitted.finished
    expect(finished.exitCode).toBe(1)
    expect(scriptOutput(finished)).toBe('up\nended in order\n')
    expect(await record(project)).toMatchObject({ status: 'Canceled', attachments: expect.stringContaining('outputs/early, outputs/late') })
  })

  it('TrackedRun: false runs the script and keeps no record', async () => {
    using project = makeProject({
      'train.py': 'print("ran")\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\nTrackedRun: false\n',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode).toBe(0)
    expect(scriptOutput(finished)).toBe('ran\n')
    expect(json(await project.errand('history', 'list'))).toEqual([])
  })

  it('says which interpreter runs: the one of pythonLocation, with a virtual environment before the default', async () => {
    using project = makeProject({ 'train.py': 'import os\nprint(os.environ.get("BY"))\n' })
    const wrapper = (name: string) => {
      const path = join(project.directory, '..', name, 'bin/python')
      mkdirSync(join(path, '..'), { recursive: true })
      writeFileSync(path, `#!/bin/sh\nBY=${name} exec python3 "$@"\n`)
      chmodSync(path, 0o755)
      return path
    }
    const mine = wrapper('mine')
    wrapper('active')
    project.environment['VIRTUAL_ENV'] = join(project.directory, '../active')
    expect(scriptOutput(await project.errand('submit', '-c', 'local', 'train.py'))).toBe('active\n')
    project.write('aml_config/local.compute', `type: local\npythonLocation: ${mine}\n`)
    expect(scriptOutput(await project.errand('submit', '-c', 'local', 'train.py'))).toBe('mine\n')
    const control = (await project.errand('history', 'last', '--artifact', 'control_log')).stdout
    expect(control).toMatch(/python 3\.\d+/i)
  })
})
