type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const number = { type: 'number' }
const count = { type: 'integer', minimum: 0 }
const flag = { type: 'boolean' }
const time = { type: 'string', description: 'ISO 8601, UTC' }
const anyOf = (...schemas: readonly Schema[]): Schema => ({ anyOf: schemas })
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })
const list = (items: Schema): Schema => ({ type: 'array', items })
const oneOf = (...values: readonly string[]): Schema => ({ enum: values })

/** Properties whose names end with a question mark may be absent. Later versions may add some, which a reader has to expect. */
function object(properties: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(properties)
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: names.filter((name) => !name.endsWith('?')),
  }
}

const status = oneOf(
  'NotStarted',
  'Starting',
  'Preparing',
  'Queued',
  'Running',
  'Finalizing',
  'CancelRequested',
  'Completed',
  'Failed',
  'Canceled',
)
/** Also of runs whose place has lost them or whose client has died. */
const statusWord = { anyOf: [status, text] }
const duration = { type: 'string', description: 'H:MM:SS.ffffff, or N/A' }
const metric = { description: 'One value, or a list in the order in which they were logged.' }

/** Metrics stand beside these keys under their own names; one whose name is taken stands under `metrics`. */
const row = {
  ...object({
    run_id: text,
    script_name: orNull(text),
    status: statusWord,
    start_time_utc: { ...time, description: 'ISO 8601, UTC; "00:00 not started" before the start.' },
    duration,
    created_utc: time,
    target: text,
    'metrics?': { type: 'object', additionalProperties: metric },
  }),
  additionalProperties: metric,
}

const record = {
  ...object({
    attachments: { type: 'string', description: 'Names of its files, with a comma and a blank between them.' },
    created_utc: time,
    description: orNull(text),
    duration,
    end_time_utc: orNull(time),
    'exit_code?': orNull({ type: 'integer' }),
    'reason?': orNull(text),
    'signal?': orNull({ type: ['string', 'integer'] }),
    heartbeat_enabled: flag,
    hidden: flag,
    name: text,
    parent_run_id: orNull(text),
    properties: { type: 'object' },
    run_id: text,
    run_number: { type: 'integer', minimum: 1 },
    run_type: text,
    script_name: orNull(text),
    start_time_utc: orNull(time),
    status: statusWord,
    tags: { type: ['object', 'array'] },
    target: text,
    user_id: orNull(text),
    'metrics?': { type: 'object', additionalProperties: metric },
  }),
  additionalProperties: metric,
}

const finding = object({ name: text, outcome: oneOf('ok', 'warning', 'failed'), detail: text, 'hint?': text, 'absent?': flag })
const runAndStatus = object({ run_id: text, status: statusWord })
const argument = object({ name: text, description: text, required: flag, multiple: flag })
const plugin = object({
  package: text,
  version: text,
  origin: oneOf('installed', 'linked'),
  targets: list(text),
  commands: flag,
  from: text,
})
const option = object({
  name: text,
  letter: orNull(text),
  aliases: list(text),
  summary: text,
  value: orNull(text),
  values: orNull(list(text)),
  required: flag,
  multiple: flag,
  global: flag,
})

const anything = {}
const changedKey = object({ key: text, 'before?': anything, 'after?': anything })
const beforeAndAfter = (value: Schema): Schema => object({ before: value, after: value })
const named = object({ name: text, version: text })
const differences = object({
  against: text,
  code: anyOf(
    object({
      same: flag,
      added: list(text),
      removed: list(text),
      renamed: list(object({ from: text, to: text })),
      changed: list(object({ path: text, change: oneOf('content', 'executable', 'plain', 'link'), 'diff?': text })),
    }),
    object({ same: { type: 'null' }, reason: text }),
  ),
  configuration: list(changedKey),
  environment: object({
    specification: list(changedKey),
    packages: orNull(
      object({ added: list(named), removed: list(named), changed: list(object({ name: text, before: text, after: text })) }),
    ),
  }),
  arguments: orNull(beforeAndAfter(list(text))),
  variables: object({ added: list(text), removed: list(text), changed: list(text) }),
  metrics: { type: 'object', additionalProperties: object({ before: metric, after: metric, difference: orNull(number) }) },
  duration: { ...beforeAndAfter(orNull(number)), description: 'Seconds.' },
})

const parameters = { type: 'object', additionalProperties: text }
const metrics = { type: 'object', additionalProperties: metric }
const sweep = object({
  run_id: text,
  status: statusWord,
  best: orNull(object({ metric: text, value: number, run_id: text, parameters })),
  runs: list(object({ run_id: orNull(text), status: text, duration: text, parameters, metrics })),
})

const dryRun = object({
  configuration: text,
  target: object({ name: text, type: text }),
  framework: text,
  environment: { type: 'object' },
  steps: list(text),
  notes: list(text),
  diagnostics: list({ type: 'object' }),
  'script?': orNull(text),
  'arguments?': list(text),
  'variables?': { type: 'object' },
  'secrets?': list(text),
  'outputs?': list(text),
  'project?': object({
    digest: text,
    files: count,
    bytes: count,
    entries: list(object({ path: text, size: count, 'send?': flag })),
    'leftOut?': list(object({ by: text, files: count, folders: count })),
  }),
  'upload?': object({ files: count, bytes: count, 'atMost?': flag }),
  'runs?': list(object({ parameters, arguments: list(text) })),
})

/** What each command prints with `-o json`, by the words of the command. */
export const outputSchemas: Readonly<Record<string, Schema>> = {
  commands: list(
    object({
      command: text,
      aliases: list(text),
      summary: text,
      description: orNull(text),
      arguments: list(argument),
      options: list(option),
    }),
  ),
  completion: object({ shell: text, setup: text, script: text }),
  'computetarget attach': object({
    name: text,
    type: text,
    files: list(object({ file: text, state: oneOf('created', 'replaced', 'unchanged', 'kept') })),
    findings: list(finding),
  }),
  'computetarget check': list(finding),
  'computetarget detach': object({ name: text, file: text, runConfigurations: list(text), secrets: list(text) }),
  'computetarget key export': object({ key: text }),
  'computetarget key import': object({ file: text }),
  'computetarget list': list(text),
  'computetarget show': { ...object({ name: text, type: text }), description: 'And the settings of the type.' },
  continue: record,
  doctor: list({ allOf: [finding, object({ about: text })] }),
  'dry run': { ...dryRun, description: 'Of submit, prepare and sweep with --dry-run; runs: of a sweep.' },
  error: object({ error: object({ code: text, message: text, hint: orNull(text) }) }),
  'experiment cancel': runAndStatus,
  'experiment clean': list(
    object({ id: text, kind: text, run_id: orNull(text), bytes: number, outcome: oneOf('removed', 'kept'), 'reason?': text }),
  ),
  'experiment diagnostics': object({ run_id: text, file: text, files: count }),
  'experiment prepare': object({ 'prepared?': flag, 'message?': text, run_id: orNull(text) }),
  'experiment return': list(object({ file: text, returned: flag })),
  'experiment status': object({
    state: statusWord,
    'reason?': text,
    'detail?': text,
    'exit_code?': { type: 'integer' },
    'signal?': { type: ['string', 'integer'] },
    run_id: text,
    'script_name?': text,
    target: text,
    'place?': text,
    created_utc: time,
    'start_time_utc?': time,
    'end_time_utc?': time,
    'duration?': duration,
    'peak_memory?': { ...number, description: 'Bytes.' },
    'processor_time?': { ...number, description: 'Seconds.' },
    'asked_utc?': time,
  }),
  'experiment submit': record,
  'history compare': list({ allOf: [record, object({ 'differences?': differences })] }),
  'history delete': list(object({ run_id: text })),
  'history download': list(object({ artifact: text, path: text })),
  'history export': object({ directory: text, format: oneOf('errand', 'mlflow'), runs: list(text) }),
  'history gc': object({
    removed: flag,
    bytes: count,
    items: list(object({ kind: text, count, bytes: count })),
    kept: orNull(text),
  }),
  'history import': object({ imported: list(text), skipped: list(text), left: list(object({ 'run?': text, reason: text })) }),
  'history info': record,
  'history last': record,
  'history list': list(row),
  'history note': object({ run_id: text, note: orNull(text) }),
  'history restore': object({ run_id: text, snapshot: text, directory: text, files: count }),
  'history tag': { type: 'object', additionalProperties: text },
  init: object({ directory: text, created: list(text), kept: list(text) }),
  lint: list(
    object({ severity: oneOf('error', 'warning', 'note'), file: text, message: text, 'line?': count, 'column?': count, 'hint?': text }),
  ),
  logs: { ...object({ stream: oneOf('stdout', 'stderr', 'control'), text }), description: 'Of each line.' },
  overview: object({
    project: object({ name: text, directory: text }),
    run_configurations: list(object({ name: text, target: orNull(text), type: orNull(text), framework: orNull(text) })),
    runs: list(row),
  }),
  plugins: list(plugin),
  'plugins install': list(plugin),
  'plugins uninstall': list(plugin),
  'plugins update': list(object({ package: text, before: text, after: text })),
  progress: object({
    progress: object({ message: text, 'done?': number, 'total?': number, 'unit?': oneOf('bytes', 'files', 'steps') }),
  }),
  rerun: record,
  'runconfiguration create': object({ name: text, target: text, file: text }),
  'runconfiguration delete': object({ name: text, file: text }),
  'runconfiguration list': list(text),
  schema: list(object({ name: text, kind: oneOf('file', 'output') })),
  'secret delete': object({ name: text, target: orNull(text) }),
  'secret list': list(object({ name: text, target: orNull(text), source: text })),
  'secret set': object({ name: text, target: orNull(text), store: text }),
  'shim az': object({ files: list(text), first_in_path: flag }),
  sweep,
  targets: list(object({ type: text, package: text, 'version?': text, 'contract?': number, origin: text, summary: text })),
  wait: list(runAndStatus),
  watch: {
    ...anyOf(object({ name: text, kind: text, value: metric, 'step?': number, at: time }), runAndStatus),
    description: 'Of each line: metrics as they come, and at the end what has become of the run. Of a sweep what `sweep` prints.',
  },
}
