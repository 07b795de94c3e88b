import { signal } from '@preact/signals'

/** The path that is shown, without the query. */
export const path = signal(location.pathname)
export const query = signal(new URLSearchParams(location.search))

/** How many pages of the app are before this one in the history of the tab. */
let depth = Number(history.state?.depth ?? 0)

export function navigate(to: string, { replace = false } = {}): void {
  if (to === location.pathname + location.search) return
  if (!replace) depth += 1
  history[replace ? 'replaceState' : 'pushState']({ depth }, '', to)
  read()
}

/** Goes back if the page before is one of the app's, else to `fallback`. */
export function back(fallback: string): void {
  if (depth > 0) history.back()
  else navigate(fallback, { replace: true })
}

function read(): void {
  path.value = location.pathname
  query.value = new URLSearchParams(location.search)
}

/** The parts of the path that match a pattern such as `/auctions/:id`, decoded; null if it does not match. */
export function match(pattern: string, candidate: string): Record<string, string> | null {
  const [wanted, given] = [pattern.split('/'), candidate.replace(/(.)\/$/, '$1').split('/')]
  if (wanted.length !== given.length) return null
  const found: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? ''
    if (part.startsWith(':')) {
      if (!value) return null
      try {
        found[part.slice(1)] = decodeURIComponent(value)
      } catch {
        return null
      }
    } else if (part !== value) return null
  }
  return found
}

/** Follows links within the app without loading the page anew. */
export function startRouter(): void {
  addEventListener('popstate', () => {
    depth = Number(history.state?.depth ?? 0)
    read()
  })
  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest?.('a[href]')
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.target || link.hasAttribute('download') || link.origin !== location.origin || link.hash) return
    event.preventDefault()
    navigate(link.pathname + link.search)
  })
}
