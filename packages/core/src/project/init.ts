import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type JsonSchema, type SchemaFile, schemaFiles } from './file-schemas.ts'
import { projectFiles } from './init-templates.ts'
import { makeFolder } from './make-folder.ts'
import { writeWhole } from './write-file.ts'

export interface InitOptions {
  /** The project becomes a new folder of that name. */
  readonly name?: string
  readonly overwrite?: boolean
  /** Written for editors, with the settings of one that read them. Absent: neither. */
  readonly schemas?: Readonly<Record<SchemaFile, JsonSchema>>
}

/** What has become of the files: paths relative to the project. */
export interface Initialised {
  readonly created: readonly string[]
  readonly kept: readonly string[]
  /** True: no `.amlignore` was written, because a `.gitignore` says what is left out and would no longer count beside it. */
  readonly gitignoreCounts: boolean
}

/** Folder of the schemas. Its name begins with a dot: it is for editors, not for people. */
const schemaFolder = 'aml_config/.schemas'

/**
 * Makes a folder a project: writes the files of {@link projectFiles} that are not there. Existing files are never touched, unless
 * `overwrite`; only schemas, which nobody edits, are brought up to date. Beside a `.gitignore` no `.amlignore` is made, which would turn it off. Errors: `NOT_A_FOLDER`, `FOLDER_NOT_MADE`, `FILE_NOT_WRITTEN`.
 */
export async function initProject(directory: string, { name, overwrite = false, schemas }: InitOptions = {}): Promise<Initialised> {
  const root = name === undefined ? resolve(directory) : resolve(directory, name)
  const created: string[] = []
  const kept: string[] = []
  const put = async (path: string, text: string, replace: boolean): Promise<void> => {
    const absolute = join(root, path)
    await makeFolder(dirname(absolute))
    const isThere = await readFile(absolute, 'utf8').catch(() => undefined)
    const stays = (isThere === text && !overwrite) || !(await writeWhole(absolute, text, { replace }))
    if (stays) kept.push(path)
    else created.push(path)
  }
  const gitignoreCounts = existsSync(join(root, '.gitignore')) && !existsSync(join(root, '.amlignore'))
  for (const [path, text] of Object.entries(projectFiles)) {
    if (path !== '.amlignore' || !gitignoreCounts) await put(path, text, overwrite)
  }
  if (schemas === undefined) return { created, kept, gitignoreCounts }
  for (const [file, schema] of Object.entries(schemas))
    await put(`${schemaFolder}/${file}.json`, `${JSON.stringify(schema, undefined, 2)}\n`, true)
  await put('.vscode/settings.json', editorSettings(), overwrite)
  return { created, kept, gitignoreCounts }
}

/** For VS Code with its YAML extension: which schema a file has. Other editors read the first line of each file. */
function editorSettings(): string {
  const schemas = Object.entries(schemaFiles).map(([file, pattern]) => [`./${schemaFolder}/${file}.json`, `aml_config/${pattern}`])
  const settings = {
    'files.associations': { '*.runconfig': 'yaml', '*.compute': 'yaml' },
    'yaml.schemas': Object.fromEntries(schemas),
  }
  return `${JSON.stringify(settings, undefined, 2)}\n`
}
