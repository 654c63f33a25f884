/** YAML text of a name: quoted where it could be read as something else. */
function yamlText(text: string): string {
  return /^[A-Za-z_][\w.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text)
}

/**
 * What `runconfiguration create` and `attach` write: the original's keys and defaults, in alphabetical order. A dependency file that the
 * project does not have is not named: without the key it counts as soon as it is there.
 */
export function runConfigurationText(
  target: string,
  framework: 'Python' | 'PySpark',
  { conda, spark }: { readonly conda?: string | undefined; readonly spark?: string | undefined },
): string {
  return `ArgumentVector:
- $file
${conda === undefined ? '' : `CondaDependenciesFile: ${conda}\n`}EnvironmentVariables: null
Framework: ${framework}
PrepareEnvironment: false
${spark === undefined ? '' : `SparkDependenciesFile: ${spark}\n`}Target: ${yamlText(target)}
TrackedRun: true
UseSampling: true
`
}

/** Editors with the YAML language server read it; the schema is what `init` writes beside. */
const schemaLine = (file: string): string => `# yaml-language-server: $schema=.schemas/${file}.json\n`

const runConfiguration = (
  target: string,
  prepare: boolean,
): string => `${schemaLine('runconfig')}# How to run a script on the target "${target}":
#   errand experiment submit -c ${target} SCRIPT [ARGUMENTS]

# Which target: the name of a .compute file in this folder.
Target: ${target}

# What is started. $file stands for the script of the command line; its arguments are added at the end.
ArgumentVector:
  - $file

# Python or PySpark.
Framework: Python

# Variables for the script. For passwords and keys use \`errand secret set NAME\` and list the name here:
#   SecretEnvironmentVariables: [NAME]
EnvironmentVariables:
  # GREETING: hello

# Packages of the environment, and settings of Spark. null means no file.
CondaDependenciesFile: aml_config/conda_dependencies.yml
SparkDependenciesFile: aml_config/spark_dependencies.yml

# true: build the environment when it is missing. false: stop and ask for \`errand experiment prepare -c ${target}\`.
PrepareEnvironment: ${String(prepare)}

# false: no record in the history, and outputs stay where the run was.
TrackedRun: true
`

/** Files of a new project, by path relative to it. */
export const projectFiles: Readonly<Record<string, string>> = {
  'aml_config/local.compute': `${schemaLine('compute')}# Your own Python on this machine. Nothing is installed into it.
type: local

# The interpreter: a name or a path. python falls back to python3; an active virtual environment wins.
pythonLocation: python

# Starts PySpark scripts.
sparkSubmitLocation: spark-submit

# Base folder of the directory that all runs share. Without it there is none.
# nativeSharedDirectory: ~/.azureml/share/
`,
  'aml_config/docker.compute': `${schemaLine('compute')}# A container on this machine. The environment is built from conda_dependencies.yml.
type: docker

# The image to start from. Without it: errand's own choice.
# baseDockerImage: user/name:tag

# true: the shared directory and the run's folder are mounted. false: they are copied in and out.
sharedVolumes: true
# nativeSharedDirectory: ~/.azureml/share/
`,
  'aml_config/local.runconfig': runConfiguration('local', false),
  'aml_config/docker.runconfig': runConfiguration('docker', true),
  'aml_config/conda_dependencies.yml': `${schemaLine('conda_dependencies')}# Packages for targets that build an environment (docker, remotedocker, cluster).
# Targets that use your own Python (local, remote) install nothing from here.
name: project_environment
dependencies:
  - python=3.12
  # Packages of conda, one a line:
  # - scikit-learn
  # Packages of pip:
  # - pip:
  #   - requests
`,
  'aml_config/spark_dependencies.yml': `${schemaLine('spark_dependencies')}# For scripts with \`Framework: PySpark\`.
configuration:
  spark.app.name: errand
  # spark.driver.memory: 2g

# Maven repositories and packages:
repositories: []
packages: []
#  - group: org.example
#    artifact: library_2.12
#    version: "1.0"
`,
  '.amlignore': `# What is not copied to runs, in the syntax of .gitignore. While this file is here, .gitignore is not used.
# Left out always: .git, .errand, outputs, virtual environments, node_modules, caches.
.ipynb_checkpoints/
.azureml/
.vscode/
aml_config/.schemas/
docs/

# What \`errand history download\` brings.
artifacts/
`,
}
