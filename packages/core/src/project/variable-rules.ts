import type { DiagnosticList, Position } from './diagnostic.ts'
import type { RunConfiguration } from './model.ts'
import type { YamlMap, YamlNode } from './parse.ts'
import { looksLikeSecret } from './secret-text.ts'

/** Rules for the variables of a run configuration, whatever its form. Values are never printed. */
export function variableRules(
  { variables = {}, secretVariables = [] }: Partial<Pick<RunConfiguration, 'variables' | 'secretVariables'>>,
  root: YamlMap,
  diagnostics: DiagnosticList,
): void {
  const at = variablePositions(root)
  for (const [name, value] of Object.entries(variables)) {
    nameRules(name, at.get(name), diagnostics)
    if (value.includes('\0')) diagnostics.error('VARIABLE_VALUE', `the value of ${name} holds a zero character`, at.get(name))
    if (!looksLikeSecret(name, value)) continue
    const hint = `store it with \`errand secret set ${name}\` and write \`SecretEnvironmentVariables: [${name}]\``
    diagnostics.warning('SECRET_IN_FILE', `the value of ${name} looks like a secret in plain text`, at.get(name), hint)
  }
  const list = root.entries.find((entry) => entry.key.toLowerCase() === 'secretenvironmentvariables')
  for (const name of secretVariables) {
    nameRules(name, list?.position, diagnostics)
    if (!Object.hasOwn(variables, name)) continue
    diagnostics.error(
      'VARIABLE_TWICE',
      `${name} is in EnvironmentVariables and in SecretEnvironmentVariables`,
      at.get(name),
      'keep the secret one',
    )
  }
}

function nameRules(name: string, position: Position | undefined, diagnostics: DiagnosticList): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const message = `${JSON.stringify(name)} is no name of an environment variable`
    diagnostics.error('VARIABLE_NAME', message, position, 'use letters, digits and _, and begin with no digit')
  } else if (name.startsWith('AZUREML_')) {
    diagnostics.warning('VARIABLE_RESERVED', `${name}: names that begin with AZUREML_ are set by the run`, position, 'use another name')
  }
}

function variablePositions(node: YamlNode): ReadonlyMap<string, Position> {
  const found = new Map<string, Position>()
  const visit = (map: YamlMap): void => {
    for (const entry of map.entries) {
      if (entry.value.kind !== 'map') continue
      const key = entry.key.toLowerCase()
      if (key === 'environmentvariables') for (const variable of entry.value.entries) found.set(variable.key, variable.position)
      else if (key === 'environment') visit(entry.value)
    }
  }
  if (node.kind === 'map') visit(node)
  return found
}
