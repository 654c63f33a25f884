import type { TargetDefinition } from '../target.ts'
import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import { readTarget } from './compute.ts'
import { readCondaDependencies } from './conda-dependencies.ts'
import { describeTarget } from './describe-target.ts'
import { type Diagnostic, diagnosticsOf, hasErrors } from './diagnostic.ts'
import { listConfigurationFiles, listOtherFiles, readProjectFile } from './files.ts'
import type { DescribeTarget, Project, RunConfiguration, TargetFile } from './model.ts'
import { didYouMean } from './near-name.ts'
import { planPrepare } from './plan.ts'
import { loadRequirements } from './requirements.ts'
import { defaultCondaFile, defaultSparkFile } from './run-configuration.ts'
import { listRunConfigurations, loadRunConfiguration, readIfPresent } from './run-configurations.ts'
import { scriptCall } from './script.ts'
import { readSparkDependencies } from './spark-dependencies.ts'
import { targetTypes } from './target-types.ts'
import { loadTarget } from './targets.ts'
import { validateTarget } from './validate-target.ts'

/** What was found in the configuration files of a project. */
export interface LintReport {
  /** Every file that was read, relative to the project, sorted. */
  readonly files: readonly string[]
  /** By file, line and column. */
  readonly diagnostics: readonly Diagnostic[]
}

interface Findings {
  readonly files: Set<string>
  readonly diagnostics: Diagnostic[]
}

/**
 * Reads all configuration files as a run would, and goes on after each problem: targets with the schema of their type, run configurations
 * with the target and the dependency files that they name, dependency files that no target uses yet. Nothing is thrown for what is wrong in a file.
 */
export async function lintProject(project: Project, definition: (type: string) => Promise<TargetDefinition>): Promise<LintReport> {
  const findings: Findings = { files: new Set(), diagnostics: [] }
  const usable = await lintTargets(project, definition, findings)
  await lintRunConfigurations(project, definition, usable, findings)
  for (const { file, diagnostics } of await listOtherFiles(project)) add(findings, file, diagnostics)
  return { files: [...findings.files].toSorted(), diagnostics: inOrder(findings.diagnostics) }
}

function add(findings: Findings, file: string, diagnostics: readonly Diagnostic[]): void {
  findings.files.add(file)
  findings.diagnostics.push(...diagnostics)
}

/** Answers the names of the targets that a plan can be made with. */
async function lintTargets(
  project: Project,
  definition: (type: string) => Promise<TargetDefinition>,
  findings: Findings,
): Promise<ReadonlySet<string>> {
  const usable = new Set(['local'])
  for (const { name, file } of await listConfigurationFiles(project, '.compute')) {
    const target = readTarget(name, await readProjectFile(project, file))
    add(findings, file, target.diagnostics)
    usable.delete(name)
    const isBroken = target.diagnostics.some(({ severity, code }) => severity === 'error' && code !== 'DUPLICATE_KEY')
    if (target.type === undefined || isBroken) continue
    const problems = await lintSchema({ ...target, type: target.type }, definition)
    findings.diagnostics.push(...problems)
    if (![...target.diagnostics, ...problems].some(({ severity, code }) => severity === 'error' || code === 'TARGET_TYPE_NOT_INSTALLED'))
      usable.add(name)
  }
  return usable
}

const knownTypes = [...targetTypes.map(({ type }) => type), ...targetTypes.flatMap(({ aliases }) => aliases)]

async function lintSchema(file: TargetFile, definition: (type: string) => Promise<TargetDefinition>): Promise<readonly Diagnostic[]> {
  try {
    return (await validateTarget(file, await definition(file.type))).diagnostics
  } catch (error) {
    const code = errorCode(error)
    const place = { file: file.file ?? '', ...file.position('type') }
    if (code === 'TARGET_TYPE_UNKNOWN') {
      const near = didYouMean(file.type, knownTypes)
      const hint = near === undefined ? hintOf(error) : { hint: near }
      return [{ severity: 'error', code, message: errorMessage(error), ...place, ...hint }]
    }
    if (code !== 'TARGET_TYPE_NOT_INSTALLED') return diagnosticsFrom(error, place)
    const message = `the type ${file.type} is not installed, so its own keys were not checked`
    return [{ severity: 'note', code, message, ...place, ...hintOf(error) }]
  }
}

async function lintRunConfigurations(
  project: Project,
  definition: (type: string) => Promise<TargetDefinition>,
  usable: ReadonlySet<string>,
  findings: Findings,
): Promise<void> {
  const dependencies = new Map<string, Dependency>([
    [defaultCondaFile, { kind: 'conda', skip: [] }],
    [defaultSparkFile, { kind: 'spark', skip: [] }],
  ])
  for (const { name, file, target, diagnostics } of await listRunConfigurations(project)) {
    add(findings, file, diagnostics)
    if (hasErrors(diagnostics)) {
      // A plan would say this, and none can be made.
      if (target !== undefined && !(await hasTarget(project, target)))
        findings.diagnostics.push(
          ...(await loadTarget(project, target).then(nothing, (error: unknown) => diagnosticsFrom(error, { file }))),
        )
      continue
    }
    const configuration = await loadRunConfiguration(project, name)
    for (const [path, dependency] of dependenciesOf(configuration)) dependencies.set(path, dependency)
    findings.diagnostics.push(...(await lintScript(project, configuration)))
    if (target === undefined || usable.has(target) || !(await hasTarget(project, target)))
      findings.diagnostics.push(...(await lintPlan(project, configuration, definition)))
  }
  for (const [path, dependency] of dependencies) await lintDependency(project, path, dependency, findings)
}

/** One that is there and broken has been told of already. */
const hasTarget = async (project: Project, target: string): Promise<boolean> =>
  (await listConfigurationFiles(project, '.compute')).some(({ name }) => name === target)

const nothing = (): readonly Diagnostic[] => []

interface Dependency {
  readonly kind: 'conda' | 'spark' | 'requirements'
  readonly skip: readonly string[]
}

function dependenciesOf(configuration: RunConfiguration): [string, Dependency][] {
  const { condaDependenciesFile, sparkDependenciesFile, requirementsFile, skipPackages: skip } = configuration
  return [
    ...(condaDependenciesFile === undefined ? [] : [[condaDependenciesFile, { kind: 'conda', skip }] satisfies [string, Dependency]]),
    ...(sparkDependenciesFile === undefined ? [] : [[sparkDependenciesFile, { kind: 'spark', skip }] satisfies [string, Dependency]]),
    ...(requirementsFile === undefined ? [] : [[requirementsFile, { kind: 'requirements', skip }] satisfies [string, Dependency]]),
  ]
}

/** The script that the file itself names; one that stands for the script of the command line can't be wrong. */
async function lintScript(project: Project, configuration: RunConfiguration): Promise<readonly Diagnostic[]> {
  if (configuration.argumentVector.some((item) => item.includes('$file'))) return []
  const position =
    configuration.position('ArgumentVector', 0) ?? configuration.position('ArgumentVector') ?? configuration.position('script')
  return scriptCall(project, configuration, { arguments: [] }).then(
    () => [],
    (error: unknown) => diagnosticsFrom(error, { file: configuration.file, ...position }),
  )
}

/** What the run configuration, its target and its dependency files say together. */
async function lintPlan(
  project: Project,
  configuration: RunConfiguration,
  definition: (type: string) => Promise<TargetDefinition>,
): Promise<readonly Diagnostic[]> {
  const describe: DescribeTarget = async (file) => {
    const defined = await definition(file.type)
    return describeTarget(defined, (await validateTarget(file, defined)).config)
  }
  try {
    return (await planPrepare({ ...project, id: '' }, { runConfiguration: configuration.name }, describe)).diagnostics
  } catch (error) {
    if (errorCode(error) === 'TARGET_TYPE_NOT_INSTALLED') return []
    return diagnosticsFrom(error, { file: configuration.file })
  }
}

async function lintDependency(project: Project, path: string, { kind, skip }: Dependency, findings: Findings): Promise<void> {
  const bytes = await readIfPresent(project, path)
  // Whether it may be absent is for the plan to say.
  if (bytes === undefined) return
  try {
    if (kind === 'requirements') add(findings, path, (await loadRequirements(project, path, bytes, skip)).diagnostics)
    else {
      const parsed = await readProjectFile(project, path)
      const read = kind === 'conda' ? await readCondaDependencies(project, parsed, { skip }) : readSparkDependencies(parsed)
      add(findings, path, read.diagnostics)
    }
  } catch (error) {
    add(findings, path, diagnosticsFrom(error, { file: path }))
  }
}

/** An error about a file as diagnostics: those that it carries, else its sentence, whose place stands before it. */
function diagnosticsFrom(error: unknown, place: Pick<Diagnostic, 'file' | 'line' | 'column'>): readonly Diagnostic[] {
  if (!(error instanceof Error) || errorCode(error) === undefined) throw error
  const carried = diagnosticsOf(error)
  if (carried !== undefined) return carried
  const [, file, line, message] = /^([^\s:]+):(\d+): (.*)$/s.exec(errorMessage(error)) ?? []
  const found = file === undefined ? place : { file, line: Number(line), column: 1 }
  const sentence = (message ?? errorMessage(error)).replace(`${place.file}: `, '')
  return [{ severity: 'error', code: errorCode(error) ?? '', message: sentence, ...found, ...hintOf(error) }]
}

function hintOf(error: unknown): { hint?: string } {
  return error instanceof ErrandError && error.hint !== undefined ? { hint: error.hint } : {}
}

/** The same thing may be met on several ways. */
function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const unique = new Map(diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic]))
  const place = ({ file, line = 0, column = 0 }: Diagnostic) => [file, String(line).padStart(8), String(column).padStart(8)].join('\0')
  return [...unique.values()].toSorted((one, other) => (place(one) < place(other) ? -1 : place(one) > place(other) ? 1 : 0))
}
