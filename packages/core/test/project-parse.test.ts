import { expect, it } from 'vitest'
import { isNull, parseFile } from '../src/project/parse.ts'
import { readBoolean, toJson } from '../src/project/values.ts'
import { outline } from './project-folder.ts'

const parse = (text: string | Uint8Array): ReturnType<typeof parseFile> => parseFile('a.compute', Buffer.from(text))
const json = async (text: string): Promise<unknown> => {
  const { root } = await parse(text)
  return root === undefined ? undefined : toJson(root)
}

it.each([
  ['LF', 'a: 1\nb: x\n'],
  ['CRLF', 'a: 1\r\nb: x\r\n'],
  ['mixed line ends', 'a: 1\r\nb: x\n'],
  ['a byte order mark', '\uFEFFa: 1\nb: x\n'],
  ['JSON', '{"a": 1, "b": "x"}'],
  ['JSON indented with tabs', '{\n\t"a": 1,\n\t"b":"x"\n}'],
  ['JSON with a comma too many', '{"a": 1, "b": "x",}'],
  ['a tab after a colon', '"a":\t1\nb:\tx\n'],
  ['a comment behind a tab', 'a: 1\n\t# comment\nb: x\n'],
  ['a document mark', '---\na: 1\nb: x\n'],
  ['a merge key', 'base: &base {a: 1}\n<<: *base\nb: x\n'],
])('reads a file with %s', async (_what, text) => {
  expect(await json(text)).toMatchObject({ a: 1, b: 'x' })
})

it('keeps a tab inside of texts', async () => {
  expect(await json('a: |\n  x\n  \ty\nb: "1\\t2"\n')).toEqual({ a: 'x\n\ty\n', b: '1\t2' })
})

it.each([
  ['a tab before a key', 'a:\n\tb: 1\n', ['error TAB_INDENTATION 2']],
  ['a tab behind blanks', 'a:\n  b: 1\n  \tc: 2\n', ['error TAB_INDENTATION 3']],
  ['a tab before an item', 'a:\n\t- b\n\t- c\n', ['error TAB_INDENTATION 2', 'error TAB_INDENTATION 3']],
  ['a tab between a dash and a map', 'a:\n-\tb: 1\n', ['error TAB_INDENTATION 2']],
  ['a tab in a value that goes on', 'a: x\n\ty\n', ['error TAB_INDENTATION 2']],
  ['a merge mark', 'a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n', ['error MERGE_MARK 2']],
  ['the middle line of a merge', 'a: 1\n=======\n', ['error MERGE_MARK 2']],
  ['the last line of a merge', 'a: 1\n>>>>>>> other\n', ['error MERGE_MARK 2']],
  ['no blank after the colon of a quoted key', 'a: 1\n"b":"x"\nc: 2\n', ['error MISSING_BLANK 2']],
  ['no blank after a colon in the only line', '"b":"x"\n', ['error MISSING_BLANK 1']],
  ['no blank after the colon of a bare key', 'type:docker\nc: 2\n', ['error MISSING_BLANK 1']],
  ['a missing comma', '{\n"a": 1\n"b": 2\n}', ['error YAML_SYNTAX 3']],
  ['`true.` in JSON', '{\n"a": true.\n"b": 2\n}', ['error YAML_SYNTAX 2']],
  ['a bare value that runs on in JSON', '{\n"a": docker\n"b": 2\n}', ['error YAML_SYNTAX 2']],
  ['a brace that is not closed', '{\n"a": 1\n', ['error YAML_SYNTAX 3']],
  ['something behind the end of JSON', '{"a": 1}\n}\n', ['error YAML_SYNTAX 2']],
  ['a bracket that is not closed', 'a: 1\nb: 2\nc: [$file\nd: 3\n', ['error YAML_SYNTAX 3']],
  ['a brace around a bracket that is not closed', 'a: {b: [1],\nd: 3\n', ['error YAML_SYNTAX 1']],
  ['wrong indentation', 'a:\n  b: 1\n c: 2\n', ['error YAML_SYNTAX 3']],
  ['a line that is indented too far', 'a: x\n\n  b: 1\n', ['error YAML_SYNTAX 3']],
  ['an item that is indented too far', 'a:\n- x\n  - y\nb: 1\n', ['error YAML_SYNTAX 3']],
  ['a quote that is not closed', 'a: 1\nb: "x\nc: 2\n', ['error YAML_SYNTAX 2']],
  ['two keys on a line', 'a: b: c\n', ['error YAML_SYNTAX 1']],
  ['two documents', 'a: 1\n---\nb: 2\n', ['error YAML_SYNTAX 2']],
  ['an alias of nothing', 'a: *b\n', ['error UNKNOWN_ALIAS 1']],
  ['an alias of itself', 'a: &a [*a]\n', ['error UNKNOWN_ALIAS 1']],
])('refuses %s, and gives nothing of the file', async (_what, text, expected) => {
  const parsed = await parse(text)
  expect(outline(parsed.diagnostics)).toEqual(expected)
  expect(parsed.root).toBeUndefined()
})

it.each([
  ['a key twice', 'a: 1\nb: 2\na: 3\n', 'error DUPLICATE_KEY 3'],
  ['a key twice further in', 'a:\n  b: 2\n  b: 3\n', 'error DUPLICATE_KEY 3'],
  ['a key twice in JSON', '{"a": 1,\n"a": 2}', 'error DUPLICATE_KEY 2'],
])('refuses %s, and gives the rest of the file, for its other problems', async (_what, text, expected) => {
  const parsed = await parse(text)
  expect(outline(parsed.diagnostics)).toEqual([expected])
  expect(parsed.root).toMatchObject({ kind: 'map' })
})

it('refuses text that is not UTF-8', async () => {
  expect(outline((await parse(Uint8Array.of(0x61, 0x3a, 0x20, 0xe9))).diagnostics)).toEqual(['error NOT_UTF8'])
})

it('shows the line that was indented with a tab as it should be, unless it holds a secret', async () => {
  const { diagnostics } = await parse('a:\n\tb: 1\n\tpassword: hunter2\n')
  expect(diagnostics[0]?.hint).toBe('write it with blanks: `  b: 1`')
  expect(JSON.stringify(diagnostics)).not.toContain('hunter2')
})

it('names both lines of a duplicate key', async () => {
  const { diagnostics } = await parse('a: 1\nb: 2\na: 3\n')
  expect(diagnostics[0]?.message).toBe('the key a is here and on line 1')
})

it('names the line at whose end a comma is missing', async () => {
  const { diagnostics } = await parse('{\n"a": 1\n\n"b": 2\n}')
  expect(diagnostics[0]).toMatchObject({ line: 4, column: 1, message: 'a comma is missing before this, at the end of line 2' })
})

it('counts columns and lines from 1', async () => {
  const { root } = await parse('\uFEFFa: 1\r\nb:\r\n  c: 2\r\n')
  expect(root).toMatchObject({
    entries: [{ position: { line: 1, column: 1 } }, { value: { entries: [{ position: { line: 3, column: 3 } }] } }],
  })
})

it.each(['', '\n', '# only a comment\n', '---\n'])('has no root for a file without content: %j', async (text) => {
  expect(await parse(text)).toMatchObject({ diagnostics: [] })
  expect((await parse(text)).root).toBeUndefined()
})

it('knows null, booleans and numbers by how they are written', async () => {
  const text = "a: null\nb: ~\nc:\nd: True\ne: 'true'\nf: yes\ng: 010\nh: 1.5\ni: 'null'\nj: 1_000\n"
  expect(await json(text)).toEqual({ a: null, b: null, c: null, d: true, e: 'true', f: 'yes', g: '010', h: 1.5, i: 'null', j: '1_000' })
})

it.each([
  ['true', true],
  ['False', false],
  ['"true"', true],
  ["'False '", false],
  ['yes', undefined],
  ['1', undefined],
])('reads %s as the boolean %s', async (text, expected) => {
  const { root } = await parse(`a: ${text}\n`)
  const values = root?.kind === 'map' ? root.entries.map(({ value }) => [readBoolean(value), isNull(value)]) : []
  expect(values).toEqual([[expected, false]])
})
