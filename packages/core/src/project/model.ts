import type { JsonValue } from '../json.ts'
import type { Capabilities, Schema } from '../target.ts'
import type { EnvironmentFile, EnvironmentRequest, RunRequest, SparkDependencies } from '../request.ts'
import type { Diagnostic, Position } from './diagnostic.ts'

/** A folder that holds `aml_config/` (or, from the successor, `.azureml/`). */
export interface Project {
  /** Absolute. */
  readonly directory: string
  /** The folder's name. */
  readonly name: string
  /** Where new configuration files go: `aml_config`, or `.azureml` where only that exists. */
  readonly configurationDirectory: string
}

/** A `.compute` file after parse, normalise and the rules that need no plugin. */
export interface TargetFile {
  readonly name: string
  /** Relative to the project; absent for a `local` that no file describes. */
  readonly file?: string
  /** The modern type word: `localdocker` has become `docker`. */
  readonly type: string
  /** Everything but `type`, with known spellings and tidied values; keys that are `null` are gone. Passwords are still in: never print. */
  readonly values: Readonly<Record<string, JsonValue>>
  readonly diagnostics: readonly Diagnostic[]
  /** Where a key (or, with more steps, a value inside it) stands in the file. */
  readonly position: (...path: readonly (string | number)[]) => Position | undefined
  /** A value as it is written in the file, for settings whose schema wants text where YAML saw a number. */
  readonly textOf: (key: string) => string | undefined
}

/** One line of `computetarget list`. A file that does not load has errors in `diagnostics` and lacks what could not be read. */
export interface ListedTarget {
  readonly name: string
  readonly file?: string
  readonly type?: string
  readonly address?: string
  readonly diagnostics: readonly Diagnostic[]
}

/** A target file that the schema of its type has accepted. */
export interface ValidatedTarget {
  readonly name: string
  readonly type: string
  readonly config: JsonValue
  /** Usable values that the file holds for secrets which the type declares. Never print. */
  readonly secrets: Readonly<Record<string, string>>
  /** Notes and warnings; errors were thrown. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Settings of a target that a successor run configuration carries itself, because that form has no `.compute` file. */
export interface TargetOverride {
  /** The type that replaces the target's own: `docker` for `environment.docker.enabled` on `local`. */
  readonly type?: string
  readonly values: Readonly<Record<string, JsonValue>>
}

/** A `.runconfig` file of any of the three forms, after parse, normalise and the rules that need nothing else. */
export interface RunConfiguration {
  readonly name: string
  /** Relative to the project. */
  readonly file: string
  readonly form: 'workbench' | 'json' | 'successor'
  /** Never empty. `$file` stands for the script of the command line. */
  readonly argumentVector: readonly string[]
  /** A script on the command line takes the place of the fixed one (successor form) instead of being refused. */
  readonly scriptReplaceable: boolean
  readonly target: string
  readonly framework: 'python' | 'pyspark'
  readonly variables: Readonly<Record<string, string>>
  readonly secretVariables: readonly string[]
  /** Relative to the project. Absent: no environment file. */
  readonly condaDependenciesFile?: string
  readonly sparkDependenciesFile?: string
  readonly requirementsFile?: string
  /** Which of the three paths the file itself names; a missing default is no error, a missing named file is. */
  readonly namedFiles: readonly ('conda' | 'spark' | 'requirements')[]
  /** Packages of the dependency file that are not installed. */
  readonly skipPackages: readonly string[]
  /** false: the user's own interpreter; true: an environment of ours, also on a target that has none by itself. Absent: as the target does. */
  readonly managedEnvironment?: boolean
  /** Interpreter that this run configuration names, before the target's own setting. */
  readonly python?: string
  readonly prepareEnvironment: boolean
  readonly trackedRun: boolean
  readonly expandArguments: boolean
  /** Seconds. */
  readonly timeLimit?: number
  /** Globs below the working folder. */
  readonly outputs?: readonly string[]
  /** `TargetOptions`: settings of one run, checked by the target's type. */
  readonly options?: JsonValue
  /** Spark settings that a successor run configuration carries itself. */
  readonly spark?: SparkDependencies
  readonly targetOverride?: TargetOverride
  readonly diagnostics: readonly Diagnostic[]
  readonly position: (...path: readonly (string | number)[]) => Position | undefined
}

/** What the lines of a run configuration say. */
export type RunConfigurationContent = Omit<RunConfiguration, 'name' | 'file' | 'diagnostics' | 'position'>

export interface ListedRunConfiguration {
  readonly name: string
  readonly file: string
  readonly target?: string
  readonly framework?: 'python' | 'pyspark'
  readonly diagnostics: readonly Diagnostic[]
}

/** What a `conda_dependencies.yml` asks for. URLs may hold credentials: never print items. */
export interface CondaPackages {
  /** Conda specs in file order, without `python`'s absence filled in. */
  readonly conda: readonly string[]
  readonly pip: readonly string[]
  /** Options of pip, split from their values, in file order: `['--index-url', 'https://…']`. */
  readonly pipOptions: readonly string[]
  /** Version part of the first spec named exactly `python`, for example `3.5.2`. */
  readonly python?: string
  readonly channels: readonly string[]
}

export interface CondaDependencies {
  readonly file: EnvironmentFile
  readonly packages: CondaPackages
  readonly diagnostics: readonly Diagnostic[]
}

/** What a command line says of a run. */
export interface PlanOptions {
  /** `NAME` or `NAME.runconfig`. */
  readonly runConfiguration: string
  readonly target?: string
  /** As typed; backslashes, `./` and absolute paths inside the project are fine. */
  readonly script?: string
  /** Folder of the project that the script and the two files below are relative to, itself relative to the project; without it the project. */
  readonly from?: string
  readonly arguments: readonly string[]
  readonly condaDependencies?: string
  readonly sparkDependencies?: string
  readonly untracked?: boolean
  readonly prepare?: boolean
  /** Packages, or lines by their number or text, of the dependency file that are not installed this time. */
  readonly without?: readonly string[]
}

/** The project as the plan of a run needs it. */
export type PlannedProject = Project & {
  /** Id of the project's history. */
  readonly id: string
}

/** What the plan asks of the target's type, answered by the caller, who knows the installed types. */
export type DescribeTarget = (target: TargetFile) => Promise<TargetDescription>

/** What a target can do with the settings that it has. */
export interface TargetDescription {
  readonly capabilities: Capabilities
  /** Its setting `userManagedEnvironment`, where it has one. */
  readonly userManaged: boolean
  /** Of `TargetOptions`; absent: the type takes none. */
  readonly runOptions?: Schema<unknown>
}

/** A run or a prepare, as project and command line say it together: all but the run's id and its files. */
export interface RunPlan {
  readonly targetFile: TargetFile
  readonly environment: EnvironmentRequest
  /** Absent for a prepare. */
  readonly run?: Omit<RunRequest, 'runId' | 'snapshot'>
  readonly prepareEnvironment: boolean
  readonly tracked: boolean
  /** Files of the project that the run needs at the place whatever ignore files say: the script and the dependency files in use. */
  readonly needed: readonly string[]
  /** A dependency file that exists and that this kind of target does not use: mentioned when an import fails. */
  readonly unusedEnvironmentFile?: string
  /** Notes and warnings; errors were thrown. */
  readonly diagnostics: readonly Diagnostic[]
}
