import { signal } from '@preact/signals'
import { type Answer, delay, Problem, type Request, request, Unreachable } from './http'

/**
 * The tokens of the user who is logged in. They are in memory only. The refresh token is in a cookie that scripts
 * cannot read: the API sets and reads it for requests with the header `X-Session: cookie`.
 */
export interface Session {
  /** The ID token, which has the email address. */
  jwt: string
  access: string
  user: string
  /** Our clock's time, in milliseconds. */
  expires: number
}

interface LoggedIn {
  jwt: string
  access_token: string
  credentials: string
  expires_in: number
}

/** Undefined until we know whether somebody is logged in. */
export const session = signal<Session | null | undefined>(undefined)
/** Why the log-in page is shown, if the session ended by itself. */
export const sessionEnded = signal(false)

const COOKIE = { 'X-Session': 'cookie' }
/** Says only that somebody has logged in here, so that a first visit makes no request that is bound to fail. */
const HINT = 'yourplace.logged-in'
const LOCK = 'yourplace.refresh'
const REFRESH_BEFORE_MS = 5 * 60_000
const OTHER_TABS_MS = 150

type Message = { kind: 'ask' } | { kind: 'session'; session: Session } | { kind: 'logged-out' }

const tabs = new BroadcastChannel('yourplace.session')
tabs.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'ask' && session.value) tell({ kind: 'session', session: session.value })
  if (data.kind === 'logged-out') end()
  // A tab with the log-in page follows too. One that shows another user's photos must not mix the two.
  if (data.kind === 'session' && data.session.expires > (session.value?.expires ?? 0)) {
    if (session.value && session.value.user !== data.session.user) location.assign('/')
    else use(data.session)
  }
})
let timer: ReturnType<typeof setTimeout> | undefined

function tell(message: Message): void {
  tabs.postMessage(message)
}

/** Finds out whether somebody is logged in: from another tab, else by the cookie. */
export async function startSession(): Promise<void> {
  if (localStorage.getItem(HINT) === null) {
    session.value = null
    return
  }
  tell({ kind: 'ask' })
  const deadline = Date.now() + OTHER_TABS_MS
  while (!session.value && Date.now() < deadline) await delay(10)
  if (!session.value) await refresh(null)
}

/** Makes the response of a log-in route the session of all tabs. */
export function begin(answer: LoggedIn): void {
  localStorage.setItem(HINT, '1')
  const { jwt, access_token: access, credentials: user, expires_in } = answer
  const begun = { jwt, access, user, expires: Date.now() + expires_in * 1000 }
  use(begun)
  tell({ kind: 'session', session: begun })
}

function use(current: Session): void {
  session.value = current
  sessionEnded.value = false
  clearTimeout(timer)
  const wait = Math.max(current.expires - Date.now() - REFRESH_BEFORE_MS, 1000)
  timer = setTimeout(() => void refresh(current), wait)
}

function end(): void {
  clearTimeout(timer)
  localStorage.removeItem(HINT)
  session.value = null
}

/**
 * Gets new tokens, unless another tab has done so since `old`. One tab at a time asks the API. While it cannot be
 * reached, the old tokens stay.
 */
async function refresh(old: Session | null): Promise<void> {
  await navigator.locks.request(LOCK, async () => {
    // The tab that had the lock before us may just have sent its new tokens.
    await delay(10)
    if (session.value && session.value !== old) return
    try {
      begin((await request<LoggedIn>('/login/refresh', { method: 'POST', headers: COOKIE, repeat: true })).data)
    } catch (error) {
      if (error instanceof Unreachable && old) {
        clearTimeout(timer)
        timer = setTimeout(() => void refresh(old), 15_000)
      } else {
        sessionEnded.value = Boolean(old)
        const refused = error instanceof Problem && error.status < 500
        if (refused) end()
        else session.value = null
      }
    }
  })
}

/** One of the routes that log in. They set the cookie. */
export async function logIn(path: string, body: Record<string, string>): Promise<void> {
  begin((await request<LoggedIn>(path, { method: 'POST', body, headers: COOKIE })).data)
}

/** Ends the session in all tabs, and has the API revoke the refresh token. Throws if the latter fails. */
export async function logOut(): Promise<void> {
  const asked = request('/logout', { method: 'POST', headers: COOKIE, repeat: true })
  end()
  tell({ kind: 'logged-out' })
  await asked
}

/** A request with the user's token. If the token is refused, it is renewed, and the request repeated, once. */
export async function authorized<T>(
  path: string,
  options: Request = {},
  token: 'jwt' | 'access' = 'jwt',
): Promise<Answer<T>> {
  for (let attempt = 1; ; attempt += 1) {
    const current = session.value
    if (!current) throw new Problem(401, 'logged-out', '', {})
    try {
      const headers = { ...options.headers, Authorization: `Bearer ${current[token]}` }
      return await request<T>(path, { ...options, headers })
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401 || attempt > 1) throw error
      await refresh(current)
    }
  }
}

/** As `authorized`, for callers that need only the body. */
export async function api<T>(path: string, options: Request = {}): Promise<T> {
  return (await authorized<T>(path, options)).data
}
