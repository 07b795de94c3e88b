import { computed, effect, signal } from '@preact/signals'
import { de } from '../text/de'
import { en, type Text } from '../text/en'

export type Key = keyof typeof en
export type Language = 'en' | 'de'
export type Values = Record<string, string | number>

const TEXTS: Record<Language, Record<Key, Text>> = { en, de }
const STORED = 'yourplace.language'

/** The names of the languages, each in its own language. */
export const LANGUAGES: Record<Language, string> = { en: 'English', de: 'Deutsch' }

export const language = signal<Language>(initial())
/** The reader's regional form of the language, for numbers and dates: `en-GB` where that is what the browser says. */
export const locale = computed(
  () => navigator.languages.find((tag) => tag.split('-')[0] === language.value) ?? language.value,
)

function initial(): Language {
  const wanted = localStorage.getItem(STORED) ?? navigator.language.split('-')[0]
  return wanted === 'de' ? 'de' : 'en'
}

effect(() => {
  document.documentElement.lang = language.value
})

export function setLanguage(chosen: Language): void {
  localStorage.setItem(STORED, chosen)
  language.value = chosen
}

/** The text of a key in the chosen language. `{name}` is replaced by a value; `n` also selects the plural form. */
export function t(key: Key, values: Values = {}): string {
  const text = TEXTS[language.value][key]
  const form = typeof text === 'string' ? text : text[plural(Number(values.n)) === 'one' ? 'one' : 'other']
  return form.replace(/\{(\w+)\}/g, (_, name: string) => shown(values[name]))
}

/** Whether a word, such as one from the API, has a text under a prefix. */
export function hasText(key: string): key is Key {
  return key in en
}

function plural(n: number): Intl.LDMLPluralRule {
  return new Intl.PluralRules(language.value).select(n)
}

function shown(value: string | number | undefined): string {
  return typeof value === 'number' ? new Intl.NumberFormat(locale.value).format(value) : (value ?? '')
}
