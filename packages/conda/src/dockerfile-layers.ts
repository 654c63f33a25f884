import type { Making, Step } from './step.ts'
import { stepLine, toolLine } from './shell.ts'

/** What one line of a Dockerfile runs. Each is a container to start and a layer to store, which takes its time. */
export interface Layer {
  /** Shown while it runs. */
  readonly title: string
  readonly commands: readonly string[]
}

/** One layer of several, under the title of the first. */
export function together(layers: readonly Layer[]): readonly Layer[] {
  const [first] = layers
  return first === undefined ? [] : [{ title: first.title, commands: layers.flatMap(({ commands }) => commands) }]
}

/** A tool that has to be there fails the build; one that only makes it faster does not. */
export function toolLayers(tools: Making['tools'], required: Making['tools']): readonly Layer[] {
  const layers = Object.entries(tools).map(([name, tool]) => ({
    title: tool.attempts[0]?.[0]?.title ?? name,
    commands: [`{ ${toolLine(tool)}${name in required ? '' : ` || rm -rf ${tool.folder}`}; }`],
  }))
  const title = layers.map((layer) => layer.title).join(', ')
  return together(layers).map(({ commands }) => ({ title, commands }))
}

/** `before` is a command that a step wants to have run. The last step is the one that takes its time. */
export function stepLayers(
  steps: readonly Step[],
  tools: Making['tools'],
  python: string,
  before: (step: Step) => readonly string[] = () => [],
): readonly Layer[] {
  const title = steps.at(-1)?.title
  return title === undefined ? [] : [{ title, commands: steps.flatMap((step) => [...before(step), stepLine(step, tools, python, before)]) }]
}
