import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Environment, SparkDependencies } from '@errand/core'
import { chooseProvider, uvOf } from './choose-provider.ts'
import { type EnvironmentContent, contentOf } from './content.ts'
import { type Change, changeOf } from './dockerfile-changes.ts'
import { type Layer, stepLayers, together, toolLayers } from './dockerfile-layers.ts'
import { type EnvironmentInputs, environmentInputs, environmentKey } from './environment-key.ts'
import { lockOf, pipContent } from './environment-plan.ts'
import { nameCredentials } from './image-credentials.ts'
import { type MicromambaPin, micromambaPins, micromambaProgram } from './micromamba.ts'
import { optional } from './optional.ts'
import { pipPart } from './pip-part.ts'
import type { PlaceFacts } from './place.ts'
import type { ProviderName } from './provider.ts'
import { build, home, packagesFile, prefix, python, runLine } from './run-line.ts'
import { stepLine } from './shell.ts'
import type { Making, Step } from './step.ts'

export interface ImageEnvironment {
  readonly environment: Environment
  /** What the base image has, from `imageProbe`; without Python: `imageFacts` of a bare image. */
  readonly facts: PlaceFacts
  /** Digest of the base image. */
  readonly base: string
  readonly spark?: SparkDependencies
  readonly provider?: ProviderName
}

export interface DockerfileLines {
  readonly key: string
  readonly inputs: EnvironmentInputs
  readonly provider: string
  /** To stand behind `FROM`, as root. For the classic builder: no heredocs, and no mounts unless there are credentials. */
  readonly lines: readonly string[]
  /**
   * To stand behind `FROM` the image of an environment that differs in its pip section alone: they make the same of it as `lines` of the base
   * image, and fetch only what it lacks. Absent where that is not certain.
   */
  readonly changeLines?: readonly string[]
  /** What a line does, for people: `installing the pip section with uv 0.13.9`. Lines that nobody waits for have none. */
  readonly titles: ReadonlyMap<string, string>
  /** Files of the build context, by path. */
  readonly files: Readonly<Record<string, string>>
  /** Files of the project for the build context. */
  readonly objects: readonly { readonly path: string; readonly digest: string }[]
  /** A program that the context must hold, to be had with `fetchMicromamba`. */
  readonly micromamba?: { readonly path: string; readonly pin: MicromambaPin }
  readonly prefix: string
  /** In the image: a JSON list of the packages, as in `EnvironmentLock`. */
  readonly packagesFile: string
  readonly variables: Readonly<Record<string, string>>
  /**
   * Credentials that addresses in the dependency file hold, by the name that stands in their place in lines and files. A build has them as its
   * secret `credentialsSecret`; none is in a layer. Empty: there are none, and the build needs no secret.
   */
  readonly credentials: Readonly<Record<string, string>>
  /** Files that hold credentials, by their path in the image: the secret of a build writes them, and its line removes them. */
  readonly filled: Readonly<Record<string, string>>
}

/**
 * The lines of a Dockerfile that make the environment. Conda part and pip section are layers of their own: an edited line of the pip section
 * leaves the conda part as it is. Errors: those of `chooseProvider` and `contentOf`.
 */
export function dockerfileLines({ environment, facts, base, spark, provider: name }: ImageEnvironment): DockerfileLines {
  const whole = contentOf(environment)
  const { content, credentials } = nameCredentials(whole)
  const lock = lockOf(environment)
  const provider = chooseProvider({ home, facts, content, ...optional('provider', name), ...optional('lock', lock) })
  const inputs = environmentInputs({
    content: whole,
    platform: facts.platform,
    base,
    provider,
    ...optional('spark', spark),
    ...optional('lock', lock),
  })
  const parts = ({ channels, conda: specs, ...rest }: EnvironmentContent) => ({
    conda: provider.create({ prefix, folder: `${build}/conda`, platform: facts.platform, channels, specs, ...optional('lock', lock) }),
    pip: pipPart({
      ...pipContent({ channels, conda: specs, ...rest }, provider),
      folder: `${build}/pip`,
      prefix,
      ...optional('uv', uvOf(home, facts)),
      ...optional('lock', lock),
      locate: ({ path, digest }) => `${build}/${objectPath(path, digest)}`,
      withoutPip: provider.name === 'uv',
    }),
  })
  const { conda, pip } = parts(content)
  const filled = filledFiles({ conda, pip }, parts(whole))
  const objects = content.localFiles.map(({ path, digest }) => ({ path: `errand/${objectPath(path, digest)}`, digest }))
  const program = micromambaOf(facts, provider.name)
  const tools = { ...conda.tools, ...pip.tools }
  const titles = new Map<string, string>()
  const titledWith =
    (lineOf: (commands: readonly string[]) => string) =>
    ({ title, commands }: Layer): string => {
      const line = lineOf(commands)
      titles.set(line, title)
      return line
    }
  const titled = titledWith((commands) => runLine(commands))
  const withCredentials = titledWith((commands) => runLine(commands, { credentials, filled }))
  const toolsMade = toolLayers(tools, conda.tools)
  const condaMade = stepLayers(conda.steps, tools, python)
  const pipLines = (steps: readonly Step[], after: readonly Layer[] = []): readonly string[] => {
    const made = stepLayers(steps, tools, python, (step) => (usesUv(step) ? [variablesLine(step, pip.files)] : []))
    const layers = together([...made, ...after, ...made.map(() => compileLayer), listLayer])
    return [`COPY errand/pip/ ${build}/pip/`, ...layers.map(withCredentials)]
  }
  const removal = Object.keys(credentials).length === 0 ? [] : [`COPY errand/credentials/ ${build}/credentials/`]
  const change = lock === undefined && provider.name === 'uv' ? changeOf(pip.steps, content) : undefined
  return {
    key: environmentKey(inputs),
    inputs,
    provider: `${provider.name} ${provider.version}`,
    lines: [
      ...removal,
      ...(program === undefined ? [] : [`COPY ${program.path} ${micromambaProgram(home)}`, `RUN chmod 755 ${micromambaProgram(home)}`]),
      ...(Object.keys(conda.files).length === 0
        ? together([...toolsMade, ...condaMade]).map(titled)
        : [...toolsMade.map(titled), `COPY errand/conda/ ${build}/conda/`, ...condaMade.map(withCredentials)]),
      ...(objects.length === 0 ? [] : [`COPY errand/files/ ${build}/files/`]),
      ...pipLines(pip.steps),
      `ENV PATH=${prefix}/bin:$PATH CONDA_PREFIX=${prefix} AZUREML_CONDA_ENVIRONMENT_PATH=${prefix}`,
    ],
    ...(change === undefined ? {} : { changeLines: [...removal, ...pipLines([change.step], [mendLayer(change, tools)])] }),
    titles,
    files: {
      ...below('errand/conda', conda.files),
      ...below('errand/pip', pip.files),
      ...(pip.steps.some(usesUv) ? below('errand/pip', pythonFiles('uv_variables.py', 'place_pip_configuration.py')) : {}),
      ...(change === undefined ? {} : below('errand/pip', pythonFiles('missing_files.py'))),
      ...below('errand/pip', listFiles(pip.origins)),
      ...(removal.length === 0 ? {} : below('errand/credentials', pythonFiles('remove_credentials.py'))),
    },
    objects,
    ...optional('micromamba', program),
    prefix,
    packagesFile,
    variables: content.variables,
    credentials,
    filled,
  }
}

type Parts = Readonly<Record<'conda' | 'pip', Pick<Making, 'files'>>>

/** Those that are others with credentials than with names in their place. */
const filledFiles = (named: Parts, whole: Parts): Record<string, string> =>
  Object.fromEntries(
    (['conda', 'pip'] as const).flatMap((part) =>
      Object.entries(whole[part].files).flatMap(([path, text]) =>
        text === named[part].files[path] ? [] : [[`${build}/${part}/${path}`, text] as const],
      ),
    ),
  )

const usesUv = ({ tool }: Step): boolean => tool === 'uv'

/** uv reads no `pip.conf`: it is told what one in the image says. */
const variablesLine = ({ withoutList }: Step, files: Making['files']): string =>
  `eval "$(${python} ${build}/pip/uv_variables.py ${withoutList === true ? '/dev/null' : `${build}/pip/${requirementsOf(files)}`})"`

/** Packages that share files are rare: then everything is installed again. */
const mendLayer = ({ anew }: Change, tools: Making['tools']): Layer => ({
  title: 'looking for missing files',
  commands: [`{ ${python} ${build}/pip/missing_files.py ${prefix} || ${stepLine(anew, tools, python)}; }`],
})

/**
 * What the first import of a container would compile would not last. Nobody imports the tests of packages, which are half of what there is.
 * An environment that is not compiled works as well.
 */
const compileLayer: Layer = {
  title: 'compiling modules',
  commands: [
    `{ ${python} -c 'import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2, workers=0, rx=re.compile("/tests/"))' || true; }`,
  ],
}

const listLayer: Layer = {
  title: 'noting what is installed',
  commands: [`${python} ${build}/pip/image_list.py ${build}/pip/list.json`],
}

/** What names indexes of its own: a `uv.lock` has its addresses in itself. */
const requirementsOf = (files: Readonly<Record<string, string>>): string =>
  ['requirements-uv.txt', 'requirements.txt'].find((name) => name in files) ?? 'project/pyproject.toml'

const pythonFiles = (...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, readFileSync(fileURLToPath(new URL(`../python/${name}`, import.meta.url)), 'utf8')]))

function listFiles(origins: object | undefined): Record<string, string> {
  return {
    ...pythonFiles('image_list.py', 'place_packages.py', 'place_credentials.py'),
    'list.json': JSON.stringify({ prefix, output: packagesFile, origins: origins ?? null }),
  }
}

function micromambaOf(facts: PlaceFacts, name: ProviderName): DockerfileLines['micromamba'] {
  const pin = micromambaPins[facts.platform]
  return name === 'micromamba' && facts.programs['micromamba'] === undefined && pin !== undefined
    ? { path: 'errand/micromamba', pin }
    : undefined
}

const objectPath = (path: string, digest: string): string => `files/${digest.replace('sha256:', '')}/${path.split('/').at(-1) ?? path}`

const below = (folder: string, files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))
