import type { Step, Tool } from './step.ts'

/** A word of sh. */
export function quote(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll(`'`, `'\\''`)}'`
}

/** A step as a command of sh, with the choice that it holds. Tools must have been made before. */
export function stepLine(
  step: Step,
  tools: Readonly<Record<string, Tool>>,
  python: string,
  before: (step: Step) => readonly string[] = () => [],
): string {
  const { orElse } = step
  // In a shell of its own: no other step has the variables of this one.
  const other = orElse === undefined ? [] : [...before(orElse), stepLine(orElse, tools, python, before)]
  const plain = orElse === undefined ? commandLine(step) : `{ ${commandLine(step)} || (${other.join(' && ')}); }`
  if (step.otherwise === undefined) return plain
  const tool = step.tool === undefined ? undefined : tools[step.tool]
  const conditions = [
    ...(tool === undefined ? [] : [`[ -e ${quote(`${tool.folder}/complete`)} ]`]),
    ...(step.minimumPython === undefined
      ? []
      : [`${quote(python)} -c 'import sys; sys.exit(sys.version_info < (${step.minimumPython.join(', ')}))'`]),
  ]
  if (conditions.length === 0) return plain
  return `if ${conditions.join(' && ')}; then ${plain}; else ${stepLine(step.otherwise, tools, python)}; fi`
}

/** Makes a tool, one attempt after the other. */
export function toolLine({ folder, attempts }: Tool): string {
  const complete = `touch ${quote(`${folder}/complete`)}`
  return attempts.map((steps) => `{ ${[`rm -rf ${quote(folder)}`, ...steps.map(commandLine), complete].join(' && ')}; }`).join(' || ')
}

function commandLine({ command, environment = {}, cwd }: Step): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`)
  const words = [...variables, ...command.map(quote)].join(' ')
  return cwd === undefined ? words : `{ cd ${quote(cwd)} && ${words}; }`
}
