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
  return Object.fromEntries(Object.entries(kept).filter(([, { at, id }]) => now - at < (id ? KEPT_MS : KEY_LASTS_MS)))
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
