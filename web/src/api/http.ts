import { signal } from '@preact/signals'
import { serverClock } from './clock'

/** Where the API is. CloudFront and `scripts/local` pass it on to the gateway, so everything has one origin. */
export const BASE = '/api'
const LONGEST_WAIT_SECONDS = 20
const TRIES = 4

/** False while requests do not get through. */
export const online = signal(navigator.onLine)
addEventListener('online', () => {
  online.value = true
})
addEventListener('offline', () => {
  online.value = false
})

/** A refusal by the API: an RFC 9457 problem, or the gateway's own `{"message": …}`. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The last part of the problem's `type`, such as `bid-too-low`; empty if the gateway answered. */
    readonly kind: string,
    readonly detail: string,
    readonly body: Record<string, unknown>,
  ) {
    super(detail || `HTTP ${status}`)
  }

  /** What a 422 says about each member: `{username: "…"}`. */
  get fields(): Record<string, string> {
    const errors = Array.isArray(this.body.errors) ? this.body.errors : []
    return Object.fromEntries(errors.map((error) => [String(error.pointer).slice(1), String(error.detail)]))
  }
}

/** The request did not reach the API, or its response did not reach us. */
export class Unreachable extends Error {}

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  /** Sent as it is, instead of a JSON body. */
  raw?: Blob
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Whether to try again when the service is busy. By default, only requests that are safe to repeat are repeated. */
  repeat?: boolean
}

export interface Answer<T> {
  status: number
  data: T
  etag: string | null
  retryAfter: number | null
}

/** One request to the API. Throws a Problem or Unreachable. */
export async function request<T>(path: string, options: Request = {}): Promise<Answer<T>> {
  const method = options.method ?? 'GET'
  const mayRepeat = options.repeat ?? method !== 'POST'
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(path, method, options)
    const retryAfter = seconds(response)
    const busy = response.status === 503 || response.status === 429
    if (busy && mayRepeat && retryAfter !== null && attempt < TRIES) {
      await delay(Math.min(retryAfter, LONGEST_WAIT_SECONDS) * 1000)
      continue
    }
    if (!response.ok && response.status !== 304) throw await problem(response)
    const text = await response.text()
    const data = (text ? JSON.parse(text) : null) as T
    return { status: response.status, data, etag: response.headers.get('ETag'), retryAfter }
  }
}

async function send(path: string, method: string, options: Request): Promise<Response> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  const headers = new Headers(options.headers)
  const init: RequestInit = { method, headers, cache: 'no-store' }
  if (options.signal) init.signal = options.signal
  if (options.raw) {
    init.body = options.raw
    headers.set('Content-Type', 'application/octet-stream')
  } else if (options.body !== undefined) {
    init.body = JSON.stringify(options.body)
    headers.set('Content-Type', 'application/json')
  }
  const sent = Date.now()
  try {
    const response = await fetch(`${BASE}${path}${query.size ? `?${query}` : ''}`, init)
    serverClock.observe(response.headers.get('Date'), sent, Date.now())
    online.value = true
    return response
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    online.value = false
    throw new Unreachable()
  }
}

function seconds(response: Response): number | null {
  const header = response.headers.get('Retry-After')
  return header !== null && /^\d+$/.test(header) ? Number(header) : null
}

async function problem(response: Response): Promise<Problem> {
  const body: Record<string, unknown> = await response.json().catch(() => ({}))
  const kind = typeof body.type === 'string' ? (body.type.split(':').at(-1) ?? '') : ''
  return new Problem(response.status, kind, typeof body.detail === 'string' ? body.detail : '', body)
}

export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
