import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { delay, online, Problem, Unreachable } from '../api/http'
import { api, session } from '../api/session'
import type { Job, Part, Photo, Upload } from '../api/types'
import { photosAdded } from '../gallery/library'
import type { Found } from './files'
import { isArchive } from './files'
import {
  fingerprint,
  forget,
  forgetArrived,
  hex,
  recall,
  recallArrived,
  remember,
  rememberArrived,
  tidyArrived,
} from './memory'
import { Rate } from './rate'

export type State = 'waiting' | 'sending' | 'finishing' | 'offline' | 'done' | 'refused'

/** One file and its upload. */
export interface Item {
  readonly number: number
  readonly file: File
  readonly path: string
  readonly print: string
  readonly archive: boolean
  readonly view: Signal<View>
  readonly stop: AbortController
}

export interface View {
  state: State
  /** Bytes that have arrived, or are on their way. */
  sent: number
  error: unknown
  photo: Photo | null
  job: Job | null
  /** Whether the file had arrived before, so that nothing was sent. */
  before: boolean
}

const FILES_AT_ONCE = 4
const PARTS_AT_ONCE = 3
/** Larger files are not hashed: that needs them in memory as a whole. */
const MOST_HASHED = 32 << 20
const SHORTEST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 15_000
const ACTIVE: readonly State[] = ['waiting', 'sending', 'finishing', 'offline']

export const items = signal<readonly Item[]>([])
/** Updated a few times a second, however many files and parts there are. */
export const totals = signal({
  sent: 0,
  size: 0,
  done: 0,
  refused: 0,
  active: 0,
  perSecond: 0,
  seconds: null as number | null,
})
export const active: ReadonlySignal<boolean> = computed(() => totals.value.active > 0)

const rate = new Rate()
let running = 0
let lastNumber = 0
let ticking: ReturnType<typeof setInterval> | undefined

effect(() => {
  if (session.value !== null) return
  // The files of one user are not uploaded for the next.
  for (const item of items.peek()) item.stop.abort()
  items.value = []
  tick()
})

tidyArrived()

addEventListener('beforeunload', (event) => {
  if (active.value) event.preventDefault()
})

/** Adds files to the queue. A file that is in the list already, and was not refused, is not added again. */
export async function add(found: readonly Found[]): Promise<void> {
  const user = session.peek()?.user
  if (!user) return
  for (const { file, path } of found) {
    const print = await fingerprint(user, file, path)
    const known = items.peek().find((item) => item.print === print)
    if (known && known.view.peek().state !== 'refused') continue
    if (known) drop(known)
    lastNumber += 1
    const view = signal<View>({ state: 'waiting', sent: 0, error: null, photo: null, job: null, before: false })
    const archive = await isArchive(file).catch(() => false)
    const item = { number: lastNumber, file, path, print, archive, view, stop: new AbortController() }
    items.value = [...items.peek(), item]
    pump()
  }
}

/** Uploads a file that had arrived before. */
export function again(item: Item): void {
  forgetArrived(item.print)
  set(item, { photo: null, job: null, before: false })
  retry(item)
}

export function retry(item: Item): void {
  set(item, { state: 'waiting', error: null, sent: 0 })
  pump()
}

/** Takes a file from the list, once what has arrived of an unfinished upload is deleted. */
export async function cancel(item: Item): Promise<void> {
  if (item.view.peek().state !== 'done') {
    item.stop.abort()
    const id = recall(item.print)?.id
    if (id) await discard(id)
    forget(item.print)
  }
  drop(item)
  tick()
}

export async function discard(id: string): Promise<void> {
  await api(`/uploads/${id}`, { method: 'DELETE' }).catch((error) => {
    const isOver = error instanceof Problem && (error.status === 404 || error.kind === 'upload-ended')
    if (!isOver) throw error
  })
}

export function clearDone(): void {
  items.value = items.peek().filter((item) => item.view.peek().state !== 'done')
  tick()
}

function drop(item: Item): void {
  items.value = items.peek().filter((one) => one !== item)
}

function set(item: Item, change: Partial<View>): void {
  item.view.value = { ...item.view.peek(), ...change }
}

function pump(): void {
  ticking ??= setInterval(tick, 400)
  while (running < FILES_AT_ONCE) {
    const item = items.peek().find((one) => one.view.peek().state === 'waiting')
    if (!item) break
    running += 1
    set(item, { state: 'sending' })
    void run(item).finally(() => {
      running -= 1
      pump()
    })
  }
  tick()
}

function tick(): void {
  const sum = { sent: 0, size: 0, done: 0, refused: 0, active: 0 }
  for (const item of items.peek()) {
    const { state, sent, before } = item.view.peek()
    if (state === 'refused') {
      sum.refused += 1
      continue
    }
    if (state === 'done') sum.done += 1
    if (before) continue
    sum.sent += sent
    sum.size += item.file.size
    if (ACTIVE.includes(state)) sum.active += 1
  }
  rate.observe(sum.sent, Date.now())
  totals.value = { ...sum, perSecond: rate.perSecond ?? 0, seconds: rate.secondsFor(sum.size - sum.sent) }
  if (sum.active === 0) {
    clearInterval(ticking)
    ticking = undefined
  }
}

/** Uploads one file, however often the network fails. */
async function run(item: Item): Promise<void> {
  for (let wait = SHORTEST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      await upload(item)
      return
    } catch (error) {
      if (item.stop.signal.aborted) return
      const later = error instanceof Unreachable || (error instanceof Problem && isLater(error))
      if (!later) {
        // Nothing is left of a refused upload. A limit on the number of uploads refused only to begin one.
        if (!(error instanceof Problem && (error.status === 429 || error.status === 401))) forget(item.print)
        set(item, { state: 'refused', error })
        return
      }
      set(item, { state: 'offline' })
      await Promise.race([delay(wait, item.stop.signal), untilOnline()]).catch(() => undefined)
      if (item.stop.signal.aborted) return
      set(item, { state: 'sending' })
    }
  }
}

/** Whether a request may succeed later, also if the gateway had too many of them. */
function isLater({ status, kind }: Problem): boolean {
  return status >= 500 || (status === 429 && !kind)
}

/** Resolves when the network comes back. While the network is there, the promise stays pending. */
function untilOnline(): Promise<void> {
  return new Promise((resolve) => {
    if (!online.peek()) addEventListener('online', () => resolve(), { once: true })
  })
}

async function upload(item: Item): Promise<void> {
  let current = await begin(item)
  // If this page has sent it, only the response was lost.
  const before = current.state === 'done' && item.view.peek().sent === 0
  while (current.state === 'open' || current.state === 'checking') {
    const parts = (current.state === 'open' && current.parts) || []
    if (parts.length > 0) {
      await send(item, current, parts)
      // Only the first 100 missing parts are listed.
      if (current.part_count > 100) {
        current = await api<Upload>(`/uploads/${current.id}`)
        continue
      }
    }
    set(item, { state: 'finishing', sent: item.file.size })
    try {
      current = await api<Upload>(`/uploads/${current.id}/complete`, { method: 'POST', repeat: true })
    } catch (error) {
      // What S3 took may have been lost with the response of an earlier try; then some parts are sent again.
      if (!(error instanceof Problem && error.kind === 'parts-missing')) throw error
      current = await api<Upload>(`/uploads/${current.id}`)
    }
  }
  forget(item.print)
  // Somebody has cancelled it, here or on another device. The next try begins a new one.
  if (current.state !== 'done') throw new Unreachable()
  rememberArrived(item.print, current.id)
  set(item, { state: 'done', sent: item.file.size, photo: current.photo, job: current.job, before })
  photosAdded()
}

/** The upload of the file: the one that an earlier try or an earlier page began, or a new one. */
async function begin(item: Item): Promise<Upload> {
  const known = recall(item.print)
  if (known?.id) {
    const found = await look<Upload>(`/uploads/${known.id}`)
    const isSent = item.view.peek().sent > 0
    if (found && (['open', 'checking'].includes(found.state) || (found.state === 'done' && isSent))) return found
    // An earlier page has sent it. Its photo may have been deleted since.
    if (found?.state === 'done') rememberArrived(item.print, found.id)
  }
  const { file } = item
  const sha256 = hashes(item) ? hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())) : null
  const arrived = await hasArrived(item, sha256)
  item.stop.signal.throwIfAborted()
  if (arrived) return arrived
  const key = known && !known.id ? known.key : crypto.randomUUID()
  remember(item.print, { key, id: null })
  const upload = await api<Upload>('/uploads', {
    method: 'POST',
    body: {
      filename: file.name,
      size: file.size,
      kind: item.archive ? 'archive' : 'photo',
      ...(sha256 ? { sha256 } : {}),
    },
    headers: { 'Idempotency-Key': key },
    repeat: true,
  })
  if (item.stop.signal.aborted) await discard(upload.id)
  else remember(item.print, { key, id: upload.id })
  item.stop.signal.throwIfAborted()
  return upload
}

/** Whether the hash of a file is computed. */
function hashes({ archive, file }: Item): boolean {
  return !archive && file.size <= MOST_HASHED
}

/**
 * The upload with which the file has arrived, as one that is chosen again after a reload. A photo must still be there.
 * Of an archive only its job is known.
 */
async function hasArrived(item: Item, sha256: string | null): Promise<Upload | null> {
  const id = recallArrived(item.print)
  const upload = id ? await look<Upload>(`/uploads/${id}`) : null
  if (upload?.job) return ['running', 'done'].includes(upload.job.state) ? upload : null
  if (!upload?.photo) return null
  const photo = await look<Photo>(`/photos/${encodeURIComponent(upload.photo.filename)}`)
  const same = photo?.size === item.file.size && (!sha256 || photo.sha256 === sha256)
  return same && photo.trashed_at === null ? upload : null
}

/** What is there, or null if nothing is. */
async function look<T>(path: string): Promise<T | null> {
  return api<T>(path).catch((error) => {
    if (error instanceof Problem && error.status === 404) return null
    throw error
  })
}

async function send(item: Item, upload: Upload, parts: readonly Part[]): Promise<void> {
  const waiting = [...parts]
  const moving = new Map<number, number>()
  let arrived = upload.received
  const show = () => {
    const sent = arrived + [...moving.values()].reduce((sum, bytes) => sum + bytes, 0)
    set(item, { state: 'sending', sent: Math.min(sent, item.file.size) })
  }
  show()
  const worker = async () => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const { number } = part
      await sendPart(item, upload, part, (bytes) => {
        moving.set(number, bytes)
        show()
      })
      moving.delete(number)
      arrived += part.size
      show()
    }
  }
  const workers = Array.from({ length: PARTS_AT_ONCE }, worker)
  // All end before another try begins, so that no part is sent twice at once.
  const ended = await Promise.allSettled(workers)
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed) throw failed.reason
}

async function sendPart(item: Item, upload: Upload, part: Part, progress: (bytes: number) => void): Promise<void> {
  const start = (part.number - 1) * upload.part_size
  const data = item.file.slice(start, start + part.size)
  if ((await put(part, data, progress, item.stop.signal)) === 403) {
    // The URL has expired while the part waited.
    const { parts } = await api<{ parts: Part[] }>(`/uploads/${upload.id}/parts`, {
      method: 'POST',
      body: { numbers: [part.number] },
      repeat: true,
    })
    const status = await put(parts[0] ?? part, data, progress, item.stop.signal)
    if (status >= 400) throw new Unreachable()
  }
}

/** Sends a part to S3; the status. Not with `fetch`, which does not report how much it has sent. */
function put(part: Part, data: Blob, progress: (bytes: number) => void, stop: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', part.url)
    for (const [name, value] of Object.entries(part.headers ?? {})) {
      // The browser sets the length itself, and does not let scripts set it.
      if (name.toLowerCase() !== 'content-length') request.setRequestHeader(name, String(value))
    }
    request.upload.addEventListener('progress', (event) => progress(event.loaded))
    request.addEventListener('load', () => {
      if (request.status === 403 || request.status < 400) resolve(request.status)
      else reject(new Unreachable())
    })
    request.addEventListener('error', () => reject(new Unreachable()))
    request.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
    stop.addEventListener('abort', () => request.abort(), { once: true })
    request.send(data)
  })
}
