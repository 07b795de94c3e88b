import type { Photo } from '../api/types'

/** Photos of one month, newest first, and how many more there are that have not been loaded. */
export interface Section {
  /** `2026-11`. */
  key: string
  photos: readonly Photo[]
  remaining: number
}

export interface Block {
  kind: 'month' | 'day' | 'row' | 'filler'
  /** Unique in the layout, and the same after a change that leaves the block as it was. */
  key: string
  /** Pixels from the top of the section; in what `visible` returns, from the top of the whole. */
  top: number
  height: number
  /** The month or the day, of a heading. */
  label: string
  /** Of a row. */
  tiles: readonly Tile[]
  section: Section
}

export interface Tile {
  photo: Photo
  left: number
  width: number
}

interface Placed {
  section: Section
  top: number
  height: number
  blocks: readonly Block[]
}

export interface Layout {
  width: number
  height: number
  sections: readonly Placed[]
}

export const GAP = 4
const MONTH_HEIGHT = 48
const DAY_HEIGHT = 36
/** The aspect ratio of most photos, for photos whose dimensions are not known (yet). */
const USUAL_RATIO = 4 / 3
const NARROWEST = 0.4
const WIDEST = 3.5
const PHOTOS_A_DAY = 12
const DAYS_A_MONTH = 31

/** The approximate height of rows. */
export function rowHeight(width: number): number {
  return width < 600 ? 120 : 200
}

function ratio({ width, height }: Photo): number {
  const known = width && height ? width / height : USUAL_RATIO
  return Math.min(WIDEST, Math.max(NARROWEST, known))
}

/** Rows that fill the width, each about `target` high. The last one keeps that height and may be shorter. */
export function justify(photos: readonly Photo[], width: number, target: number): { height: number; tiles: Tile[] }[] {
  const rows: { height: number; tiles: Tile[] }[] = []
  let row: { photo: Photo; ratio: number }[] = []
  let sum = 0
  const close = (height: number) => {
    let left = 0
    const tiles = row.map(({ photo, ratio }) => {
      const tile = { photo, left, width: ratio * height }
      left += tile.width + GAP
      return tile
    })
    rows.push({ height, tiles })
    row = []
    sum = 0
  }
  for (const photo of photos) {
    const next = ratio(photo)
    row.push({ photo, ratio: next })
    sum += next
    const space = width - GAP * (row.length - 1)
    if (sum * target >= space) close(space / sum)
  }
  if (row.length > 0) {
    const space = width - GAP * (row.length - 1)
    close(Math.min(target, space / sum))
  }
  return rows
}

/** The estimated height of photos that have not been loaded. */
export function estimate(count: number, width: number): number {
  const target = rowHeight(width)
  const perRow = Math.max(1, width / (target * USUAL_RATIO + GAP))
  const days = Math.min(DAYS_A_MONTH, Math.ceil(count / PHOTOS_A_DAY))
  return Math.ceil(count / perRow + days / 2) * (target + GAP) + days * DAY_HEIGHT
}

function blocksOf(section: Section, width: number): { blocks: Block[]; height: number } {
  const blocks: Block[] = []
  let top = 0
  const add = (kind: Block['kind'], key: string, height: number, label: string, tiles: readonly Tile[]) => {
    blocks.push({ kind, key: `${section.key} ${key}`, top, height, label, tiles, section })
    top += height
  }
  add('month', 'month', MONTH_HEIGHT, section.key, [])
  for (const [day, photos] of Map.groupBy(section.photos, (photo) => photo.taken_at.slice(0, 10))) {
    add('day', day, DAY_HEIGHT, day, [])
    for (const { height, tiles } of justify(photos, width, rowHeight(width))) {
      add('row', tiles[0]?.photo.filename ?? '', height, '', tiles)
      top += GAP
    }
  }
  if (section.remaining > 0) add('filler', 'filler', estimate(section.remaining, width), '', [])
  return { blocks, height: top }
}

const made = new WeakMap<Section, { width: number; blocks: Block[]; height: number }>()

/** The whole page: a section that has not changed keeps what was computed for it. */
export function layOut(sections: readonly Section[], width: number): Layout {
  let top = 0
  const placed = sections.map((section) => {
    let known = made.get(section)
    if (known?.width !== width) {
      known = { width, ...blocksOf(section, width) }
      made.set(section, known)
    }
    const { blocks, height } = known
    const one = { section, top, height, blocks }
    top += height
    return one
  })
  return { width, height: top, sections: placed }
}

/** The index of the first of `items` that ends below `y`. */
function firstBelow(items: readonly { top: number; height: number }[], y: number): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item && item.top + item.height > y) high = middle
    else low = middle + 1
  }
  return low
}

/** The blocks between two heights, which are those that must be drawn. */
export function visible(layout: Layout, from: number, to: number): Block[] {
  const found: Block[] = []
  for (let index = firstBelow(layout.sections, from); index < layout.sections.length; index += 1) {
    const placed = layout.sections[index]
    if (!placed || placed.top >= to) break
    for (let inner = firstBelow(placed.blocks, from - placed.top); inner < placed.blocks.length; inner += 1) {
      const block = placed.blocks[inner]
      if (!block || placed.top + block.top >= to) break
      found.push({ ...block, top: placed.top + block.top })
    }
  }
  return found
}

/** A place on the page that survives changes above it: a block, or a part of what has not been loaded. */
export interface Anchor {
  section: string
  block: string
  /** Pixels below the top of the block. */
  offset: number
  /** The part of the section that is above, in case the block is gone. */
  fraction: number
}

export function anchorAt(layout: Layout, y: number): Anchor | null {
  const placed = layout.sections[firstBelow(layout.sections, y)]
  if (!placed) return null
  const inside = y - placed.top
  const block = placed.blocks[firstBelow(placed.blocks, inside)]
  return {
    section: placed.section.key,
    block: block && block.kind !== 'filler' ? block.key : '',
    offset: inside - (block?.top ?? 0),
    fraction: inside / placed.height,
  }
}

export function anchoredAt(layout: Layout, anchor: Anchor): number | null {
  const placed = layout.sections.find(({ section }) => section.key === anchor.section)
  if (!placed) return null
  const block = anchor.block ? placed.blocks.find(({ key }) => key === anchor.block) : undefined
  return placed.top + (block ? block.top + anchor.offset : anchor.fraction * placed.height)
}

/** Where a photo is, or null if it has not been loaded. */
export function placeOf(layout: Layout, filename: string): { top: number; height: number } | null {
  for (const placed of layout.sections) {
    for (const block of placed.blocks) {
      if (block.tiles.some(({ photo }) => photo.filename === filename)) {
        return { top: placed.top + block.top, height: block.height }
      }
    }
  }
  return null
}

/** The photo in the next row (or the one before, with -1) that is closest to a photo, for the arrow keys. */
export function verticalNeighbour(layout: Layout, filename: string, step: 1 | -1): string | null {
  const rows = layout.sections.flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === 'row'))
  const index = rows.findIndex(({ tiles }) => tiles.some(({ photo }) => photo.filename === filename))
  const from = rows[index]?.tiles.find(({ photo }) => photo.filename === filename)
  const row = index < 0 ? undefined : rows[index + step]
  if (!row || !from) return null
  const centre = from.left + from.width / 2
  const distance = ({ left, width }: Tile) => Math.abs(left + width / 2 - centre)
  const nearest = row.tiles.reduce((best, tile) => (distance(tile) < distance(best) ? tile : best))
  return nearest.photo.filename
}

/** The tallest element that all browsers lay out exactly. Firefox stops at about 17.9 million pixels. */
const TALLEST = 12_000_000

/**
 * How a page that is taller than browsers allow is scrolled: the scroll bar covers it in full, and one pixel of the
 * bar is `scale` pixels of the page.
 */
export function scrolling(height: number, viewport: number): { height: number; scale: number } {
  if (height <= TALLEST) return { height, scale: 1 }
  return { height: TALLEST, scale: (height - viewport) / (TALLEST - viewport) }
}
