// The compiler checks that each text exists in each language. These tests check the rest.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { de } from '../src/text/de'
import { en, type Text } from '../src/text/en'

const SOURCE = join(import.meta.dirname, '..', 'src')
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.startsWith('text/') && !name.endsWith('.gen.ts'))
  .map((name) => ({ name, text: readFileSync(join(SOURCE, name), 'utf8') }))

/** Attributes that people see or hear. */
const SHOWN = new Set(['alt', 'aria-label', 'aria-valuetext', 'label', 'placeholder', 'submit', 'title'])
/** The name of the service is the same in all languages. */
const NAMES = new Set(['yourplace'])

function placeholders(text: Text): string[] {
  const forms = typeof text === 'string' ? [text] : [text.one, text.other]
  return [...new Set(forms.flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort()
}

test('each text has the same placeholders and forms in both languages', () => {
  for (const [key, text] of Object.entries<Text>(en)) {
    const german: Text = de[key as keyof typeof de]
    expect([key, placeholders(german)]).toEqual([key, placeholders(text)])
    expect([key, typeof german]).toEqual([key, typeof text])
  }
})

test('each text is used', () => {
  const all = files.map(({ text }) => text).join('\n')
  const prefixes = [...all.matchAll(/`([a-zA-Z.]+\.)\$\{/g)].map((match) => match[1] ?? '')
  const unused = Object.keys(en).filter(
    (key) => !all.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)),
  )
  expect(unused).toEqual([])
})

test('no text is written into a component', () => {
  const found = files
    .filter(({ name }) => name.endsWith('.tsx'))
    .flatMap(({ name, text }) => literals(name, text).map((literal) => `${name}: ${literal}`))
  expect(found).toEqual([])
})

test('the search for texts in components finds them', () => {
  const component = 'const a = <p title="Wrong">Also <b aria-label={t("x")}>{n}</b> · yourplace</p>'
  expect(literals('a.tsx', component)).toEqual(['Wrong', 'Also'])
})

function literals(name: string, text: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isJsxText(node)) found.push(node.text.trim())
    if (ts.isJsxAttribute(node) && node.initializer && ts.isStringLiteral(node.initializer)) {
      if (SHOWN.has(node.name.getText())) found.push(node.initializer.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX))
  return found.filter((literal) => /\p{Letter}/u.test(literal) && !NAMES.has(literal.replace(/^\W+/, '')))
}

test('nothing makes HTML of text, and no token comes near a storage', () => {
  for (const { name, text } of files) {
    expect([name, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/.test(text)]).toEqual([
      name,
      false,
    ])
    expect([
      name,
      /(localStorage|sessionStorage|indexedDB)\.(setItem|put)\([^\n]*(jwt|token|access)/i.test(text),
    ]).toEqual([name, false])
  }
})
