import type { JSX } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Photo } from '../api/types'
import { day, month } from '../lib/format'
import { type Key, t } from '../lib/i18n'
import { confirmed } from '../ui/confirm'
import { Icon } from '../ui/icons'
import { Empty, Failure, Loading } from '../ui/notes'
import { Page } from '../ui/page'
import { choose } from '../upload/choose'
import { deleteForGood, download, emptyTrash, favour, path as photoPath, restore, selection, trash } from './actions'
import {
  type Anchor,
  anchorAt,
  anchoredAt,
  type Block,
  type Layout,
  type Tile,
  layOut,
  placeOf,
  scrolling,
  verticalNeighbour,
  visible,
} from './layout'
import { type Library, library, type Source } from './library'
import { Scrubber } from './scrubber'
import { PhotoTile } from './tile'
import { Viewer } from './viewer'

const TITLES: Record<Source, Key> = { all: 'gallery.title', favourites: 'favourites.title', trash: 'trash.title' }
const HOME: Record<Source, string> = { all: '/', favourites: '/favourites', trash: '/trash' }
/** While the user scrolls, missing photos are loaded at this interval, unless they pass too fast to be seen. */
const LOAD_MS = 120
/** Screens per interval. Photos that pass faster cannot be seen. */
const FLYING = 2
const PENDING_MS = 3000
const PENDING_LONGEST_MS = 30_000
const LONG_PRESS_MS = 450

export function Gallery({ source, open }: { source: Source; open: string | null }) {
  const photos = library(source)
  useEffect(() => {
    selection.value = new Set()
    void photos.open()
  }, [photos])
  const sections = photos.sections.value
  const empty = sections?.length === 0
  return (
    <Page title={t(TITLES[source])} actions={<Actions source={source} empty={empty} />}>
      <Failure error={photos.error.value} retry={() => void photos.open()} />
      {source === 'trash' && !empty && <p class="hint">{t('trash.hint')}</p>}
      {!sections && !photos.error.value && <Loading />}
      {empty && <Nothing source={source} />}
      {sections && !empty && <Timeline photos={photos} />}
      {open !== null && <Viewer key={source} photos={photos} filename={open} home={HOME[source]} />}
    </Page>
  )
}

function Nothing({ source }: { source: Source }) {
  if (source === 'trash') return <Empty title={t('trash.empty')} />
  if (source === 'favourites') {
    return (
      <Empty title={t('favourites.empty')}>
        <p>{t('favourites.how')}</p>
      </Empty>
    )
  }
  return (
    <Empty title={t('gallery.empty')}>
      <p>{t('gallery.how')}</p>
      <button type="button" class="primary" onClick={() => choose()}>
        {t('upload.choose')}
      </button>
    </Empty>
  )
}

/** What can be done with the selected photos, or with all. */
function Actions({ source, empty }: { source: Source; empty: boolean }) {
  const names = [...selection.value]
  const clear = () => {
    selection.value = new Set()
  }
  const then = (run: (names: string[]) => Promise<void>) => () => {
    clear()
    void run(names)
  }
  if (names.length === 0) {
    if (source !== 'trash' || empty) return null
    const all = async () => {
      if (await confirmed(t('trash.confirmEmpty'), t('trash.emptyNow'))) await emptyTrash()
    }
    return (
      <button type="button" onClick={all}>
        {t('trash.emptyNow')}
      </button>
    )
  }
  return (
    <div class="selection" role="toolbar" aria-label={t('gallery.selection')}>
      <span role="status">{t('gallery.selected', { n: names.length })}</span>
      {source === 'trash' ? (
        <>
          <button type="button" onClick={then(restore)}>
            <Icon name="restore" /> {t('action.restore')}
          </button>
          <button
            type="button"
            onClick={async () => {
              const question = t('trash.confirmDelete', { n: names.length })
              if (await confirmed(question, t('action.deleteForGood'))) then(deleteForGood)()
            }}
          >
            <Icon name="trash" /> {t('action.deleteForGood')}
          </button>
        </>
      ) : (
        <>
          <button type="button" onClick={then((some) => favour(some, source !== 'favourites'))}>
            <Icon name="heart" /> {t(source === 'favourites' ? 'action.unfavour' : 'action.favour')}
          </button>
          <button type="button" onClick={then(download)}>
            <Icon name="download" /> {t('action.download')}
          </button>
          <button type="button" onClick={then(trash)}>
            <Icon name="trash" /> {t('action.delete')}
          </button>
        </>
      )}
      <button type="button" class="plain" onClick={clear}>
        <Icon name="close" /> {t('action.clear')}
      </button>
    </div>
  )
}

interface View {
  top: number
  width: number
  height: number
}

function Timeline({ photos }: { photos: Library }) {
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState<View>({ top: 0, width: 0, height: 0 })
  const [active, setActive] = useState<string | null>(null)
  const last = useRef<string | null>(null)
  const sections = photos.sections.value ?? []
  const layout = useMemo(() => layOut(sections, view.width), [sections, view.width])
  const scroll = scrolling(layout.height, view.height)
  const top = view.top * scroll.scale

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const measure = () =>
      setView({ top: element.scrollTop, width: element.clientWidth - 20, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [])
  useAnchor(scroller, layout, scroll.scale)

  const blocks = view.width > 0 ? visible(layout, top - view.height, top + 2 * view.height) : []
  useLoading(photos, blocks, view)

  const show = useCallback(
    (filename: string) => {
      const place = placeOf(layout, filename)
      const element = scroller.current
      if (!place || !element) return
      const [from, to] = [element.scrollTop * scroll.scale, element.scrollTop * scroll.scale + element.clientHeight]
      if (place.top < from + 40) element.scrollTop = (place.top - 100) / scroll.scale
      else if (place.top + place.height > to) {
        element.scrollTop = (place.top + place.height - element.clientHeight + 20) / scroll.scale
      }
    },
    [layout, scroll.scale],
  )

  const select = (photo: Photo, range: boolean) => {
    const next = new Set(selection.value)
    const order = sections.flatMap((section) => section.photos.map(({ filename }) => filename))
    const [from, to] = [order.indexOf(last.current ?? ''), order.indexOf(photo.filename)]
    if (range && from >= 0) {
      for (const filename of order.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(filename)
    } else if (!next.delete(photo.filename)) next.add(photo.filename)
    last.current = photo.filename
    selection.value = next
  }

  const key = async (event: KeyboardEvent) => {
    const current = (event.target as Element).closest<HTMLElement>('[data-photo]')?.dataset.photo
    if (event.key === 'Escape' && selection.value.size > 0) selection.value = new Set()
    if (current === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const photo = photos.photo(current)
    if (event.key === ' ' && photo) {
      event.preventDefault()
      select(photo, event.shiftKey)
    }
    const vertical = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const horizontal = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (vertical === 0 && horizontal === 0) return
    event.preventDefault()
    const next =
      (vertical ? verticalNeighbour(layout, current, vertical as 1 | -1) : null) ??
      (await photos.neighbour(current, (vertical || horizontal) as 1 | -1).catch(() => null))?.filename
    if (!next) return
    setActive(next)
    show(next)
    focusSoon(scroller.current, next)
  }

  const shown = blocks.flatMap(({ tiles }) => tiles.map(({ photo }) => photo.filename))
  const tabStop = active !== null && shown.includes(active) ? active : shown[0]
  const press = useLongPress((filename) => {
    const photo = photos.photo(filename)
    if (photo) select(photo, false)
  })
  const openPhoto = (event: MouseEvent, photo: Photo) => {
    setActive(photo.filename)
    // While photos are being selected, a click selects too, as on phones.
    if (selection.value.size > 0 || event.shiftKey) {
      event.preventDefault()
      if (!press.justSelected()) select(photo, event.shiftKey)
    }
  }
  const latest = useRef({ select, openPhoto })
  latest.current = { select, openPhoto }
  const drawn = useRef<ReadonlyMap<string, Row>>(new Map())
  // A row that is the same as before is not compared again: the page is drawn for each step of scrolling.
  const rows = (all: readonly Block[]) => {
    const next = new Map<string, Row>()
    for (const block of all) {
      const y = scroll.scale === 1 ? block.top : block.top - top + view.top
      const stop = block.tiles.some(({ photo }) => photo.filename === tabStop) ? tabStop : undefined
      const old = drawn.current.get(block.key)
      const same = old?.tiles === block.tiles && old.y === y && old.height === block.height && old.stop === stop
      const element = same ? (
        old.element
      ) : (
        <Drawn
          key={block.key}
          block={block}
          top={y}
          tabStop={stop}
          query={query}
          select={(photo, range) => latest.current.select(photo, range)}
          open={(event, photo) => latest.current.openPhoto(event, photo)}
        />
      )
      next.set(block.key, { tiles: block.tiles, y, height: block.height, stop, element })
    }
    drawn.current = next
    return [...next.values()].map(({ element }) => element)
  }
  const query = photos.source === 'all' ? '' : `?in=${photos.source}`

  return (
    <div class="timeline">
      <section
        class="scroller"
        ref={scroller}
        aria-label={t('gallery.photos')}
        // Without photos there is no link that the keyboard could scroll to.
        {...(shown.length === 0 ? { tabIndex: 0 } : {})}
        onScroll={(event) => setView({ ...view, top: event.currentTarget.scrollTop })}
        onKeyDown={key}
        {...press.handlers}
      >
        <div class="canvas" style={{ height: `${scroll.height}px` }}>
          {rows(blocks)}
        </div>
      </section>
      <Scrubber
        layout={layout}
        top={top}
        height={view.height}
        go={(y) => {
          if (scroller.current) scroller.current.scrollTop = y / scroll.scale
        }}
      />
    </div>
  )
}

interface Row {
  tiles: readonly Tile[]
  y: number
  height: number
  stop: string | undefined
  element: JSX.Element
}

interface DrawnProps {
  block: Block
  top: number
  tabStop: string | undefined
  query: string
  select: (photo: Photo, range: boolean) => void
  open: (event: MouseEvent, photo: Photo) => void
}

function Drawn({ block, top, tabStop, query, select, open }: DrawnProps) {
  const style = { transform: `translateY(${top}px)`, height: `${block.height}px` }
  if (block.kind === 'month') {
    return (
      <h2 class="block month" style={style}>
        {month(block.label)}
      </h2>
    )
  }
  if (block.kind === 'day') {
    return (
      <h3 class="block day" style={style}>
        {day(block.label)}
      </h3>
    )
  }
  if (block.kind === 'filler') return <div class="block filler" style={style} />
  return (
    <ul class="block row" style={style}>
      {block.tiles.map((tile) => (
        <PhotoTile
          key={tile.photo.filename}
          tile={tile}
          height={block.height}
          active={tile.photo.filename === tabStop}
          href={photoPath(tile.photo.filename) + query}
          toggle={select}
          open={open}
        />
      ))}
    </ul>
  )
}

/** Keeps the visible photos in place when something above them changes its height. */
function useAnchor(scroller: { current: HTMLDivElement | null }, layout: Layout, scale: number): void {
  const before = useRef<{ layout: Layout; scale: number }>({ layout, scale })
  useLayoutEffect(() => {
    const element = scroller.current
    const old = before.current
    before.current = { layout, scale }
    if (!element || old.layout === layout || element.scrollTop === 0 || old.layout.width === 0) return
    const anchor: Anchor | null = anchorAt(old.layout, element.scrollTop * old.scale)
    const y = anchor && anchoredAt(layout, anchor)
    if (y !== null) element.scrollTop = y / scale
  }, [layout, scale, scroller])
}

/** Loads visible photos that are missing, waits for renditions, and renews URLs before they expire. */
function useLoading(photos: Library, blocks: Block[], view: View): void {
  const wait = useRef(PENDING_MS)
  const wanted = blocks.filter(({ kind }) => kind === 'filler').map(({ section }) => section)
  const shown = blocks.flatMap(({ tiles }) => tiles.map(({ photo }) => photo))
  const shownKey = `${shown[0]?.filename} ${shown.length} ${wanted.map(({ key, remaining }) => key + remaining).join()}`

  // Once an error is gone, what is missing is loaded again.
  const hasFailed = photos.error.value !== undefined
  const hadFailed = useRef(false)
  const now = useRef({ photos, blocks, wanted, view })
  now.current = { photos, blocks, wanted, view }
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const from = useRef(view.top)

  useEffect(() => {
    const fails = hasFailed && !hadFailed.current
    hadFailed.current = hasFailed
    if (fails) return
    const load = () => {
      const { photos, blocks, wanted, view } = now.current
      const moved = Math.abs(view.top - from.current)
      from.current = view.top
      if (moved > FLYING * view.height) {
        timer.current = setTimeout(load, LOAD_MS)
        return
      }
      timer.current = undefined
      photos.forget(blocks.map(({ section }) => section))
      for (const section of new Set(wanted)) photos.more(section).catch(() => undefined)
    }
    // While the page stands still, photos load at once.
    timer.current ??= setTimeout(load, view.top === from.current ? 0 : LOAD_MS)
  }, [photos, shownKey, view.top, hasFailed])
  useEffect(() => () => clearTimeout(timer.current), [])

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const again = (milliseconds: number) => {
      timer = setTimeout(async () => {
        const pending = shown.filter((photo) => photo.rendition === 'pending' || photos.isStale(photo))
        if (pending.length > 0 && !document.hidden) await photos.renew(pending).catch(() => undefined)
        wait.current = Math.min(wait.current * 1.5, PENDING_LONGEST_MS)
        again(wait.current)
      }, milliseconds)
    }
    wait.current = PENDING_MS
    again(wait.current)
    return () => clearTimeout(timer)
  }, [photos, shownKey])
}

/** Focuses a photo once it has been drawn. */
function focusSoon(parent: Element | null, filename: string): void {
  let frames = 10
  const attempt = () => {
    const link = [...(parent?.querySelectorAll<HTMLElement>('[data-photo]') ?? [])].find(
      ({ dataset }) => dataset.photo === filename,
    )
    if (link) link.focus({ preventScroll: true })
    else if (frames > 0) {
      frames -= 1
      requestAnimationFrame(attempt)
    }
  }
  requestAnimationFrame(attempt)
}

/** A long press on a photo selects it, as phones do. */
function useLongPress(select: (filename: string) => void) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const pressed = useRef(false)
  const stop = () => clearTimeout(timer.current)
  return {
    /** Whether the click that comes now ends a long press. */
    justSelected: () => {
      const was = pressed.current
      pressed.current = false
      return was
    },
    handlers: {
      onPointerDown: (event: PointerEvent) => {
        pressed.current = false
        const filename = (event.target as Element).closest<HTMLElement>('[data-photo]')?.dataset.photo
        if (event.pointerType !== 'touch' || filename === undefined) return
        timer.current = setTimeout(() => {
          pressed.current = true
          select(filename)
        }, LONG_PRESS_MS)
      },
      onPointerUp: stop,
      onPointerCancel: stop,
      onPointerMove: (event: PointerEvent) => {
        if (Math.abs(event.movementX) + Math.abs(event.movementY) > 4) stop()
      },
      onContextMenu: (event: Event) => {
        if (pressed.current) event.preventDefault()
      },
    },
  }
}
