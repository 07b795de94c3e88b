import { language, locale } from './i18n'

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const
const formats = new Map<string, Intl.DateTimeFormat>()

/** A size as people read it: `1.4 MB`. */
export function bytes(count: number): string {
  let [value, unit] = [count, 0]
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1]
  return new Intl.NumberFormat(locale.value, {
    style: 'unit',
    unit: UNITS[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value)
}

/**
 * A time of the API as a Date whose *local* parts are those of the text, so that a photo taken at 9:00 in Tokyo shows
 * 9:00 everywhere. An offset in the text is ignored.
 */
export function localTime(text: string): Date {
  return new Date(text.slice(0, 19))
}

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale.value} ${name}`
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale.value, options)
  formats.set(key, known)
  return known
}

/** `2026-11` as "November 2026". */
export function month(text: string): string {
  return format('month', { month: 'long', year: 'numeric' }).format(localTime(`${text}-01T00:00:00`))
}

/** A day such as `2026-11-21` as "Saturday, 21 November". */
export function day(text: string): string {
  return format('day', { weekday: 'long', day: 'numeric', month: 'long' }).format(localTime(`${text}T00:00:00`))
}

/** Date and time, to the minute. */
export function dateTime(time: Date): string {
  return format('dateTime', { dateStyle: 'medium', timeStyle: 'short' }).format(time)
}

/** Seconds as a clock: `1:02:03`, or `2:03` under an hour. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  const two = (part: number) => String(part).padStart(2, '0')
  const rest = `${two(minutes)}:${two(whole % 60)}`
  if (hours >= 24) {
    const days = new Intl.NumberFormat(locale.value, { style: 'unit', unit: 'day', unitDisplay: 'long' })
    return `${days.format(Math.floor(hours / 24))} ${two(hours % 24)}:${rest}`
  }
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0/, '')
}

/** An amount in the currency's minor units, such as cents. */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat(locale.value, { style: 'currency', currency })
  return format.format(amount / 10 ** digits(currency))
}

/** An amount that a person typed, in minor units, or null if it is not one. Comma and point both separate decimals. */
export function parseMoney(text: string, currency: string): number | null {
  const places = digits(currency)
  const match = /^\s*(\d{1,13})(?:[.,](\d+))?\s*$/.exec(text)
  const decimals = match?.[2] ?? ''
  if (!match || decimals.length > places) return null
  return Number(match[1]) * 10 ** places + Number(decimals.padEnd(places, '0') || 0)
}

/** An amount as the value of an input field, in the reader's form. */
export function moneyInput(amount: number, currency: string): string {
  const places = digits(currency)
  return new Intl.NumberFormat(language.value, {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    useGrouping: false,
  }).format(amount / 10 ** places)
}

function digits(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}

/** A latitude and longitude: `52.52000° N, 13.41000° E`. */
export function place(latitude: number, longitude: number): string {
  const one = (value: number, letters: string) => {
    const number = new Intl.NumberFormat(locale.value, { minimumFractionDigits: 5, maximumFractionDigits: 5 })
    return `${number.format(Math.abs(value))}° ${letters[value < 0 ? 1 : 0]}`
  }
  return `${one(latitude, 'NS')}, ${one(longitude, language.value === 'de' ? 'OW' : 'EW')}`
}

/** The name that a photo had before it was uploaded: what follows the time in its file name. */
export function originalName(filename: string): string {
  return filename.replace(/^\d{8}T\d{9}Z_/, '')
}
