import { styleText } from 'node:util'
import type { DryRun } from '@errand/core/run'
import { formatBytes } from '@errand/core'
import { cellText } from './value.ts'

/** Files that the text names: the biggest of those that would be sent. */
const shownFiles = 20

/** A plan for reading: what runs, in which environment, what is sent, what is done there. */
export function renderDryRun(plan: DryRun): string {
  const sections = [runLines(plan), environmentLines(plan), projectLines(plan), doneLines(plan), endLines(plan)]
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .join('\n')
}

/** Runs of a sweep that the text names. */
const shownRuns = 100

/** The arguments of each run of a sweep; the plan of the first one is to follow. */
export function sweepPlanLines(runs: readonly { readonly arguments: readonly string[] }[]): string {
  const more = runs.length - shownRuns
  const lines = [
    heading(`Would run ${count(runs.length, 'time')}`),
    ...runs
      .slice(0, shownRuns)
      .map((run, index) => `  ${`${index + 1}.`.padStart(String(runs.length).length + 1)} ${cellText(run.arguments.map(word).join(' '))}`),
    ...(more > 0 ? [dim(`  and ${more} more: -o json lists them`)] : []),
    '',
    'The first of them:',
    '',
  ]
  return lines.map((line) => `${line}\n`).join('')
}

const heading = (text: string): string => styleText('bold', text, { stream: process.stdout })
const dim = (text: string): string => styleText('dim', text, { stream: process.stdout })

function field(name: string, value: string): string {
  return `  ${name.padEnd(12)} ${cellText(value)}`
}

function runLines(plan: DryRun): string[] {
  const { configuration, target, framework, script, variables = {}, secrets = [], outputs = [], limit } = plan
  const names = [...Object.entries(variables).map(([name, value]) => `${name}=${value}`), ...secrets.map((name) => `${name} (secret)`)]
  return [
    heading(script === undefined ? 'Would prepare' : 'Would run'),
    ...(script === undefined ? [] : [field('script', [script, ...(plan.arguments ?? [])].map(word).join(' '))]),
    field('at', `${target.name} (${target.type}), run configuration ${configuration}, ${framework === 'python' ? 'Python' : 'PySpark'}`),
    ...(names.length === 0 ? [] : [field('variables', names.join(', '))]),
    ...(script === undefined ? [] : [field('brings back', outputs.join(', '))]),
    ...(limit === undefined ? [] : [field('time limit', `${limit} s`)]),
  ]
}

const word = (text: string): string => (/^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`)

const kinds = { 'user-managed': 'your own Python', conda: 'made from', requirements: 'made from' } as const

function environmentLines({ environment }: DryRun): string[] {
  const { kind, file, key, ready, build, changed } = environment
  const state = ready ? 'ready' : build ? 'would be made' : 'not prepared'
  return [
    heading('Environment'),
    field('is', `${kinds[kind]}${file === undefined ? '' : ` ${file}`}`),
    field('key', key),
    field('state', state),
    ...changed.map(({ input, before, after }, index) =>
      field(index === 0 ? 'because' : '', before === undefined ? `${input}: ${after}` : `${input}: ${before} → ${after}`),
    ),
  ]
}

function projectLines({ project, upload }: DryRun): string[] {
  if (project === undefined) return []
  const sent = project.entries.filter(({ send }) => send !== false)
  const listed = sent.toSorted((one, other) => other.size - one.size).slice(0, shownFiles)
  const width = Math.max(0, ...listed.map(({ size }) => formatBytes(size).length))
  const more = sent.length - listed.length
  return [
    heading('Files'),
    field('copied', `${count(project.files, 'file')}, ${formatBytes(project.bytes)} (${project.digest.slice(0, 19)}…)`),
    ...(project.leftOut ?? []).map((row, index) => field(index === 0 ? 'left out' : '', leftOutText(row))),
    ...(upload === undefined ? [] : [field('sent', sentText(upload))]),
    ...(upload?.files === 0 ? [] : listed.map(({ path, size }) => `    ${formatBytes(size).padStart(width)}  ${cellText(path)}`)),
    ...(upload?.files === 0 || more === 0 ? [] : [dim(`    and ${more} more: -o json lists them`)]),
  ]
}

type LeftOut = NonNullable<NonNullable<DryRun['project']>['leftOut']>[number]
const leftOutText = ({ by, files, folders }: LeftOut): string =>
  `${[...(files === 0 ? [] : [count(files, 'file')]), ...(folders === 0 ? [] : [count(folders, 'folder')])].join(' and ')}, by ${by}`
const sentText = (upload: NonNullable<DryRun['upload']>): string =>
  upload.files === 0 ? 'nothing: all contents are there' : `${upload.atMost === true ? 'at most ' : ''}${amount(upload)}`
const amount = ({ files, bytes }: { readonly files: number; readonly bytes: number }): string =>
  `${count(files, 'file')}, ${formatBytes(bytes)}`
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

function doneLines({ target, steps }: DryRun): string[] {
  return steps.length === 0 ? [] : [heading(`Done at ${target.name}`), ...steps.map((step, index) => `  ${index + 1}. ${cellText(step)}`)]
}

function endLines({ problem }: DryRun): string[] {
  if (problem === undefined) return [dim('Nothing was done.')]
  return [
    `${styleText('red', 'Would not start', { stream: process.stdout })}: ${problem.message}`,
    ...(problem.hint === undefined ? [] : [problem.hint]),
    dim('Nothing was done.'),
  ]
}
