import { computed, effect, signal } from '@preact/signals'
import { api, session } from '../api/session'
import type { Month, Photo, PhotoPage } from '../api/types'
import type { Section } from './layout'

export type Source = 'all' | 'favourites' | 'trash'

interface Page {
  cursor: string | null
  photos: Photo[]
  /** Our clock's time at which the page was fetched: its URLs expire. */
  at: number
}

/** A part of the library that is loaded page by page, from its newest photo on: a month, or a whole list. */
interface Segment {
  key: string
  /** How many photos it has; null if that is not known before the last page. */
  count: number | null
  pages: readonly Page[]
  next: string | null
  complete: boolean
}

const PAGE = 200
/** Presigned URLs work for 15 minutes. */
const URLS_LAST_MS = 12 * 60_000
/** When more photos than this are in memory, those far away are dropped. */
const MOST_IN_MEMORY = 6000

const FILTER: Record<Source, Record<string, true>> = {
  all: {},
  favourites: { favourite: true },
  trash: { trash: true },
}

/** A user's photos, or some of them, as far as they have been loaded. */
export class Library {
  private readonly segments = signal<readonly Segment[] | null>(null)
  readonly error = signal<unknown>(undefined)
  private readonly loads = new Map<string, Promise<void>>()
  private readonly made = new WeakMap<Segment, Section[]>()

  /** By month, newest first; null before the first response. */
  readonly sections = computed(() => this.segments.value?.flatMap((segment) => this.sectionsOf(segment)) ?? null)

  constructor(readonly source: Source) {}

  /** Asks which photos there are. What has been loaded and is still valid stays. */
  async open(): Promise<void> {
    this.error.value = undefined
    try {
      if (this.source === 'all') {
        const { months } = await api<{ months: Month[] }>('/photos/months')
        this.segments.value = months.map(({ month, count }) => this.kept(month, count))
      } else {
        this.segments.value ??= [empty('', null)]
        await this.reload()
      }
    } catch (error) {
      this.error.value = error
    }
  }

  private kept(key: string, count: number): Segment {
    const known = this.segments.peek()?.find((segment) => segment.key === key)
    return known?.count === count ? known : empty(key, count)
  }

  /** Fetches the pages of a list again: at least the first. */
  private async reload(): Promise<void> {
    const segment = this.segments.peek()?.[0]
    if (!segment) return
    const wanted = Math.max(1, segment.pages.length)
    let fresh = empty('', null)
    while (fresh.pages.length < wanted && !fresh.complete) fresh = await this.extended(fresh)
    this.segments.value = [fresh]
  }

  /** Loads the next page of the section. Calls while it is under way wait for the same page. */
  more(section: Section): Promise<void> {
    const segment = this.find(section)
    if (!segment || segment.complete) return Promise.resolve()
    const known = this.loads.get(segment.key)
    if (known) return known
    const load = this.extended(segment)
      .then(
        (longer) => this.replace(segment, longer),
        (error) => {
          this.error.value = error
          throw error
        },
      )
      .finally(() => this.loads.delete(segment.key))
    this.loads.set(segment.key, load)
    return load
  }

  private async extended(segment: Segment): Promise<Segment> {
    const page = await this.fetch(segment, segment.next)
    return {
      ...segment,
      pages: [...segment.pages, page.page],
      next: page.next,
      complete: page.next === null,
    }
  }

  private async fetch(segment: Segment, cursor: string | null): Promise<{ page: Page; next: string | null }> {
    const query = { ...FILTER[this.source], ...bounds(segment.key), limit: PAGE, ...(cursor ? { cursor } : {}) }
    const { photos, cursor: next } = await api<PhotoPage>('/photos', { query })
    return { page: { cursor, photos, at: Date.now() }, next }
  }

  /** Fetches the pages with photos that wait for their renditions, or whose URLs expire. */
  async renew(photos: readonly Photo[]): Promise<void> {
    const wanted = new Set(photos.map(({ filename }) => filename))
    for (const segment of this.segments.peek() ?? []) {
      for (const page of segment.pages) {
        if (!page.photos.some(({ filename }) => wanted.has(filename))) continue
        const fresh = await this.fetch(segment, page.cursor)
        const current = this.segments.peek()?.find(({ key }) => key === segment.key)
        // A page that has other photos by now would lose or repeat some: it stays until the library is opened again.
        const names = new Set(page.photos.map(({ filename }) => filename))
        if (!current?.pages.includes(page)) continue
        const known = fresh.page.photos.filter(({ filename }) => names.has(filename))
        if (known.length < page.photos.length) continue
        const pages = current.pages.map((one) => (one === page ? { ...fresh.page, photos: known } : one))
        this.replace(current, { ...current, pages })
      }
    }
  }

  /** Whether the URLs of a photo soon expire. */
  isStale(photo: Photo): boolean {
    for (const segment of this.segments.peek() ?? []) {
      for (const page of segment.pages) {
        if (page.photos.includes(photo)) return Date.now() - page.at > URLS_LAST_MS
      }
    }
    return false
  }

  /** Replaces photos that have changed, and drops those that do not belong here any more. */
  update(photos: readonly Photo[]): void {
    const changed = new Map(photos.map((photo) => [photo.filename, photo]))
    this.change((known) => {
      const photo = changed.get(known.filename) ?? known
      return this.belongs(photo) ? photo : null
    })
  }

  remove(filenames: ReadonlySet<string>): void {
    this.change((photo) => (filenames.has(photo.filename) ? null : photo))
  }

  private belongs(photo: Photo): boolean {
    if (this.source === 'trash') return photo.trashed_at !== null
    return photo.trashed_at === null && (this.source === 'all' || photo.favourite)
  }

  private change(next: (photo: Photo) => Photo | null): void {
    const segments = this.segments.peek()?.map((segment) => {
      const pages = segment.pages.map((page) => {
        const photos = page.photos.map(next)
        if (photos.every((photo, index) => photo === page.photos[index])) return page
        return { ...page, photos: photos.filter((photo) => photo !== null) }
      })
      if (pages.every((page, index) => page === segment.pages[index])) return segment
      const gone = size(segment.pages) - size(pages)
      return { ...segment, pages, count: segment.count === null ? null : segment.count - gone }
    })
    if (segments) this.segments.value = segments.filter(({ count }) => count !== 0)
  }

  /** Drops the photos of sections that are far from those that are shown, if there are very many. */
  forget(shown: readonly Section[]): void {
    const segments = this.segments.peek()
    if (!segments || segments.reduce((sum, { pages }) => sum + size(pages), 0) <= MOST_IN_MEMORY) return
    const near = new Set(shown.map((section) => this.find(section)))
    this.segments.value = segments.map((segment, index) => {
      const beside = near.has(segment) || near.has(segments[index - 1]) || near.has(segments[index + 1])
      return beside || segment.count === null || segment.pages.length === 0
        ? segment
        : empty(segment.key, segment.count)
    })
  }

  /** The photo after this one (or before, with -1) in the order of the page; loads what is needed. */
  async neighbour(filename: string, step: 1 | -1): Promise<Photo | null> {
    const sections = this.sections.peek() ?? []
    const at = sections.findIndex(({ photos }) => photos.some((photo) => photo.filename === filename))
    const section = sections[at]
    if (!section) return null
    const index = section.photos.findIndex((photo) => photo.filename === filename)
    const beside = section.photos[index + step]
    if (beside) return beside
    if (step === 1 && section.remaining > 0) {
      await this.more(section)
      return this.neighbour(filename, step)
    }
    const next = sections[at + step]
    if (!next) return null
    const full = await this.loaded(next.key, step === -1)
    return (step === 1 ? full?.photos[0] : full?.photos.at(-1)) ?? null
  }

  /** The section of a month with its first page, or with all. */
  private async loaded(key: string, whole: boolean): Promise<Section | undefined> {
    for (;;) {
      const section = this.sections.peek()?.find((one) => one.key === key)
      if (!section || section.remaining === 0 || (!whole && section.photos.length > 0)) return section
      await this.more(section)
    }
  }

  /** Loads the month of a photo up to it, for a link that leads straight to the photo. */
  async reach(photo: Photo): Promise<void> {
    for (;;) {
      const section = this.sections.peek()?.find(({ key }) => key === photo.taken_at.slice(0, 7))
      if (!section || section.remaining === 0) return
      if (section.photos.some(({ filename }) => filename === photo.filename)) return
      await this.more(section)
    }
  }

  photo(filename: string): Photo | undefined {
    for (const { photos } of this.sections.value ?? []) {
      const found = photos.find((photo) => photo.filename === filename)
      if (found) return found
    }
    return undefined
  }

  private find(section: Section): Segment | undefined {
    const segments = this.segments.peek() ?? []
    return this.source === 'all' ? segments.find(({ key }) => key === section.key) : segments[0]
  }

  private replace(old: Segment, fresh: Segment): void {
    this.segments.value = (this.segments.peek() ?? []).map((segment) => (segment.key === old.key ? fresh : segment))
  }

  private sectionsOf(segment: Segment): Section[] {
    const known = this.made.get(segment)
    if (known) return known
    const photos = segment.pages.flatMap((page) => page.photos)
    let sections: Section[]
    if (segment.count !== null) {
      const remaining = segment.complete ? 0 : Math.max(1, segment.count - photos.length)
      sections = [{ key: segment.key, photos, remaining }]
    } else {
      const months = [...Map.groupBy(photos, ({ taken_at }) => taken_at.slice(0, 7))]
      sections = months.map(([key, some]) => ({ key, photos: some, remaining: 0 }))
      const last = sections.at(-1)
      if (!segment.complete && last) last.remaining = PAGE
    }
    this.made.set(segment, sections)
    return sections
  }
}

function empty(key: string, count: number | null): Segment {
  return { key, count, pages: [], next: null, complete: false }
}

function size(pages: readonly Page[]): number {
  return pages.reduce((sum, { photos }) => sum + photos.length, 0)
}

/** `from` and `to` of a month. */
function bounds(month: string): Record<string, string> {
  const [year = 0, number = 0] = month.split('-').map(Number)
  if (!month) return {}
  const next = number === 12 ? [year + 1, 1] : [year, number + 1]
  const text = ([y = 0, m = 0]: number[]) => `${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-01`
  return { from: text([year, number]), to: text(next) }
}

const libraries = new Map<Source, Library>()
effect(() => {
  // The photos of one user are not shown to the next.
  if (session.value === null) libraries.clear()
})

export function library(source: Source): Library {
  const known = libraries.get(source) ?? new Library(source)
  libraries.set(source, known)
  return known
}

/** Tells every library about photos that have changed. */
export function photosChanged(photos: readonly Photo[]): void {
  for (const one of libraries.values()) one.update(photos)
}

export function photosDeleted(filenames: readonly string[]): void {
  for (const one of libraries.values()) one.remove(new Set(filenames))
}

let reopening: ReturnType<typeof setTimeout> | undefined

/** Shows photos that have been added. While many are added, as by uploads, the API is asked only now and then. */
export function photosAdded(): void {
  reopening ??= setTimeout(() => {
    reopening = undefined
    const all = libraries.get('all')
    if (session.peek() && all?.sections.peek()) void all.open()
  }, 2000)
}
