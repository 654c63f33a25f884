import type { TargetDefinition } from '../target.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { SparkDependencies } from '../request.ts'
import type {
  CondaDependencies,
  DescribeTarget,
  ListedRunConfiguration,
  ListedTarget,
  PlanOptions,
  PlannedProject,
  Project,
  RunConfiguration,
  RunPlan,
  TargetFile,
  ValidatedTarget,
} from './model.ts'

export type * from './model.ts'
export { configurationError, formatDiagnostic, hasErrors } from './diagnostic.ts'
export type { Diagnostic, Position } from './diagnostic.ts'
export { cloudTypes, targetTypes } from './target-types.ts'
export type { TargetType } from './target-types.ts'

export declare function findProject(directory: string): Promise<Project>
export declare function listTargets(project: Project): Promise<readonly ListedTarget[]>
export declare function loadTarget(project: Project, name: string): Promise<TargetFile>
export declare function validateTarget(file: TargetFile, definition: TargetDefinition): Promise<ValidatedTarget>
export declare function listRunConfigurations(project: Project): Promise<readonly ListedRunConfiguration[]>
export declare function loadRunConfiguration(project: Project, name: string): Promise<RunConfiguration>
export declare function createRunConfiguration(
  project: Project,
  options: { readonly name: string; readonly target: string; readonly overwrite?: boolean },
): Promise<{ readonly file: string; readonly diagnostics: readonly Diagnostic[] }>
export declare function deleteRunConfiguration(project: Project, name: string): Promise<string>
export declare function loadCondaDependencies(project: Project, path: string): Promise<CondaDependencies>
export declare function loadSparkDependencies(
  project: Project,
  path: string,
): Promise<{ readonly spark: SparkDependencies; readonly diagnostics: readonly Diagnostic[] }>
export declare function planRun(project: PlannedProject, options: PlanOptions, describe: DescribeTarget): Promise<RunPlan>
export declare function planPrepare(
  project: PlannedProject,
  options: Omit<PlanOptions, 'script' | 'arguments'>,
  describe: DescribeTarget,
): Promise<RunPlan>
export declare function initProject(
  directory: string,
  options: { readonly name?: string; readonly overwrite?: boolean },
): Promise<{ readonly created: readonly string[]; readonly kept: readonly string[] }>
