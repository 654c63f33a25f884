/** What `errand help` explains beyond the commands: `pages/NAME.md` of this package. */
export const pages = ['targets', 'files', 'migrating'] as const

export function pageFile(name: string): URL {
  return new URL(`../pages/${name}.md`, import.meta.url)
}
