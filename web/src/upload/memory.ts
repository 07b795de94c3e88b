/**
 * Which upload a file has, kept over reloads of the page. A file is known by its fingerprint, a hash of its name, size
 * and time, so that nobody else at this computer learns what was uploaded.
 */
export interface Remembered {
  /** The key that makes a repeated POST /uploads return the same upload. It is kept before the first request. */
  key: string
  /** The upload, once there is one. */
  id: string | null
  at: number
}

const STORED = 'yourplace.uploads'
/** An upload expires after 7 days, and an Idempotency-Key after one. */
const KEPT_MS = 7 * 86_400_000
const KEY_LASTS_MS = 86_400_000
/** Followed by the fingerprint: each file that has arrived has an item of its own, since there may be thousands. */
const ARRIVED = 'yourplace.arrived.'
const ARRIVED_LASTS_MS = 86_400_000
/** Some 2 million characters: browsers that allow least have room for 2.5 million, and log-ins need some of it. */
export const MOST_ITEMS = 15_000

export async function fingerprint(user: string, file: File, path: string): Promise<string> {
  const text = [user, path, file.size, file.lastModified].join('\n')
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return hex(hash)
}

export function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function all(now: number): Record<string, Remembered> {
  let kept: Record<string, Remembered> = {}
  try {
    kept = JSON.parse(localStorage.getItem(STORED) ?? '{}')
  } catch {
    // Something else has written it. The uploads start again.
  }
  return Object.fromEntries(Object.entries(kept).filter(([, one]) => now - one.at < (one.id ? KEPT_MS : KEY_LASTS_MS)))
}

export function recall(print: string, now = Date.now()): Remembered | null {
  return all(now)[print] ?? null
}

export function remember(print: string, what: Omit<Remembered, 'at'>, now = Date.now()): void {
  localStorage.setItem(STORED, JSON.stringify({ ...all(now), [print]: { ...what, at: now } }))
}

export function forget(print: string, now = Date.now()): void {
  const { [print]: _, ...rest } = all(now)
  localStorage.setItem(STORED, JSON.stringify(rest))
}

/** The upload with which a file has arrived in the last day. */
export function recallArrived(print: string, now = Date.now()): string | null {
  const [id = '', at = ''] = (localStorage.getItem(ARRIVED + print) ?? '').split(' ')
  return id && now - Number(at) < ARRIVED_LASTS_MS ? id : null
}

/** Remembers it if there is room. Otherwise the file is sent again if it is chosen again. */
export function rememberArrived(print: string, id: string, now = Date.now()): void {
  if (localStorage.length >= MOST_ITEMS) tidyArrived(now)
  if (localStorage.length >= MOST_ITEMS) return
  try {
    localStorage.setItem(ARRIVED + print, `${id} ${now}`)
  } catch {
    // Something else has filled the storage.
  }
}

export function forgetArrived(print: string): void {
  localStorage.removeItem(ARRIVED + print)
}

/** Removes what is too old. */
export function tidyArrived(now = Date.now()): void {
  const keys = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? '')
  const prints = keys.filter((key) => key.startsWith(ARRIVED)).map((key) => key.slice(ARRIVED.length))
  for (const print of prints) if (!recallArrived(print, now)) forgetArrived(print)
}
