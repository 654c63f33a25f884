/** One sentence for each key of the configuration files, for who hovers over it in an editor. */

export const computeSummaries: Readonly<Record<string, string>> = {
  type: 'What kind of place this is.',
  address: 'The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.',
  username: 'User to log in as.',
  password: 'Better kept outside the project: errand secret set password --target NAME',
  privateKey: 'Key to log in with: project for the one of attach -k, another name of the key store, or a path.',
  baseDockerImage: "The image to start from. Without it errand's own choice.",
  sharedVolumes: "true: the shared directory and the run's folder are mounted. false: they are copied in and out.",
  nativeSharedDirectory: 'Base, on that machine, of the folder that several runs share. Without it there is none.',
  nvidiaDocker: 'true: the container gets the GPUs of the machine.',
  userManagedEnvironment:
    'true: your own Python is used as it is, nothing is installed. false: the environment is built from the conda file.',
  pythonLocation: 'The interpreter: a name or a path. python falls back to python3.',
  sparkSubmitLocation: 'Program that starts scripts of Framework: PySpark.',
  yarnDeployMode: 'Where the Spark driver runs: cluster or client.',
}

export const runConfigurationSummaries: Readonly<Record<string, string>> = {
  ArgumentVector: 'What is started. $file stands for the script of the command line; its arguments are added at the end.',
  Target: 'The name of a .compute file in this folder.',
  Framework: 'Python or PySpark; PySpark when absent.',
  EnvironmentVariables: 'Names and values for the script. For passwords and keys: SecretEnvironmentVariables.',
  SecretEnvironmentVariables: 'Names of variables whose values are kept outside the project: errand secret set NAME',
  ExpandArguments: 'true: $NAME in an argument is replaced on the target. Else arguments arrive as they are.',
  CondaDependenciesFile: 'Packages of the environment; null for none.',
  SparkDependenciesFile: 'Settings and packages of Spark; null for none.',
  RequirementsFile: 'A requirements.txt or pyproject.toml, in place of the conda file.',
  SkipPackages: 'Packages of the dependency file that are not to be installed.',
  PrepareEnvironment: 'true: build the environment when it is missing. false: stop and ask for errand experiment prepare.',
  TrackedRun: 'false: no record in the history, and outputs stay where the run was.',
  TimeLimit: 'Seconds; then the run is ended.',
  Outputs: 'Which files of the run are kept: patterns relative to the project. Without it outputs/** and logs/**.',
  TargetOptions: "Settings of the target's type for this run.",
  UseSampling: 'Read, and not used: it is for data-source files.',
  DataSourceSettings: 'Read, and not used: it is for data-source files.',
  DataSourceSubstitutions: 'Has no effect: data-source files are not supported.',
  Description: 'For readers.',
}
