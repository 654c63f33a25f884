import { styleText } from 'node:util'

const bold = (text: string): string => styleText('bold', text, { stream: process.stdout })

/**
 * A page in a small part of Markdown (headings, paragraphs, lists, code by four blanks or more) as text no wider than `columns`; code keeps
 * its lines. Lines of a paragraph in the source are one.
 */
export function renderPage(markdown: string, columns: number): string {
  const blocks = markdown.trim().split(/\n{2,}/)
  return blocks.map((block) => `${renderBlock(block, columns)}\n`).join('\n')
}

function renderBlock(block: string, columns: number): string {
  const heading = /^#+ (.*)$/.exec(block)?.[1]
  if (heading !== undefined) return bold(heading)
  if (/^ {4}/.test(block)) return block.replaceAll(/^ {4}/gm, '  ')
  if (!block.startsWith('- ')) return wrap(block, columns, '', '')
  return block
    .split(/\n(?=- )/)
    .map((item) => wrap(item.slice(2), columns, '  - ', '    '))
    .join('\n')
}

function wrap(text: string, columns: number, first: string, rest: string): string {
  const lines: string[] = []
  let line = first
  for (const word of text.replaceAll('`', '').split(/\s+/)) {
    const isEmpty = line === first || line === rest
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = rest + word
    } else line = isEmpty ? line + word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
