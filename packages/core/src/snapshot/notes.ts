import { listed } from './names.ts'
import type { WalkResult } from './walk.ts'

/** Sentences for the user about what is not copied and what could surprise elsewhere. */
export function notesOf(walked: WalkResult): readonly string[] {
  return [
    ...walked.forced.map(({ path, line }) => `${path} is sent although ${line} excludes it.`),
    ...some(
      walked.leavingLinks.map(({ path, to }) => `${path} -> ${to}`),
      (links) => `Links that lead out of the project, or are absolute, are not copied, nor is what they point to: ${links}.`,
    ),
    ...some(walked.special, (paths) => `Sockets, pipes and devices are not copied: ${paths}.`),
    ...some(
      walked.clashes.map(([one, other]) => `${one} and ${other}`),
      (pairs) => `These names differ only in case or accents; macOS and Windows can keep only one of them: ${pairs}.`,
    ),
    ...(walked.rootIsEnvironment === undefined
      ? []
      : [`The project folder is itself ${walked.rootIsEnvironment}, whose packages are copied with it unless .amlignore names them.`]),
  ]
}

function some(items: readonly string[], sentence: (list: string) => string): readonly string[] {
  return items.length === 0 ? [] : [sentence(listed(items))]
}
