import { thumbHashToDataURL } from 'thumbhash'

const MOST = 2000
const known = new Map<string, string>()

/** The blurred image of a thumbhash as a `data:` URL; null if the text is not one. */
export function blurred(hash: string): string | null {
  const found = known.get(hash)
  if (found !== undefined) return found || null
  let url = ''
  try {
    url = thumbHashToDataURL(Uint8Array.from(atob(hash), (letter) => letter.charCodeAt(0)))
  } catch {
    // Only a placeholder: the thumbnail comes in any case.
  }
  if (known.size >= MOST) known.delete(known.keys().next().value ?? '')
  known.set(hash, url)
  return url || null
}
