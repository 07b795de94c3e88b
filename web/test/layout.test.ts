import { describe, expect, test } from 'vitest'
import type { Photo } from '../src/api/types'
import {
  anchorAt,
  anchoredAt,
  estimate,
  GAP,
  justify,
  layOut,
  placeOf,
  rowHeight,
  type Section,
  scrolling,
  verticalNeighbour,
  visible,
} from '../src/gallery/layout'

const WIDTH = 1000

function photo(number: number, size: [number, number] | null = [4, 3], day = '2026-11-21'): Photo {
  return {
    filename: `${number}.jpg`,
    width: size?.[0] ?? null,
    height: size?.[1] ?? null,
    taken_at: `${day}T10:00:00`,
  } as Photo
}

function photos(count: number, day?: string, first = 0): Photo[] {
  return Array.from({ length: count }, (_, index) => photo(first + index, [4, 3], day))
}

describe('justified rows', () => {
  test('fill the width exactly, but for the last', () => {
    const mixed = Array.from({ length: 30 }, (_, index) => photo(index, index % 3 ? [4, 3] : [2, 3]))
    const rows = justify(mixed, WIDTH, 200)
    for (const { tiles, height } of rows.slice(0, -1)) {
      const last = tiles.at(-1)
      expect((last?.left ?? 0) + (last?.width ?? 0)).toBeCloseTo(WIDTH, 5)
      expect(height).toBeLessThanOrEqual(200)
    }
    expect(rows.flatMap(({ tiles }) => tiles.map((tile) => tile.photo.filename))).toEqual(
      mixed.map(({ filename }) => filename),
    )
  })

  test('keep the ratio of each photo', () => {
    const [row] = justify([photo(1, [300, 200]), photo(2, [200, 200])], WIDTH, 200)
    expect(row?.tiles.map(({ width }) => width / (row?.height ?? 1))).toEqual([1.5, 1])
  })

  test('do not stretch a single photo over the whole width', () => {
    expect(justify([photo(1)], WIDTH, 200)[0]?.height).toBe(200)
  })

  test('never exceed a width that is less than one photo needs', () => {
    const [row] = justify([photo(1, [3, 1])], 300, 200)
    expect(row?.tiles[0]?.width).toBeCloseTo(300)
  })

  test('take the usual ratio for a photo whose dimensions are not known, and bound extreme ones', () => {
    const row = (size: [number, number] | null) => justify([photo(1, size)], 10_000, 300)[0]?.tiles[0]?.width
    expect(row(null)).toBeCloseTo(400)
    expect(row([10_000, 1])).toBeCloseTo(1050)
    expect(row([1, 10_000])).toBeCloseTo(120)
  })
})

describe('the layout', () => {
  const months: Section[] = [
    { key: '2026-11', photos: [...photos(7, '2026-11-21'), ...photos(2, '2026-11-03', 7)], remaining: 0 },
    { key: '2026-10', photos: [], remaining: 400 },
    { key: '2026-09', photos: photos(3, '2026-09-09', 20), remaining: 0 },
  ]
  const layout = layOut(months, WIDTH)

  test('places sections and blocks one below the other without gaps or overlaps', () => {
    let top = 0
    for (const section of layout.sections) {
      expect(section.top).toBe(top)
      let inner = 0
      for (const block of section.blocks) {
        expect(block.top).toBeGreaterThanOrEqual(inner)
        inner = block.top + block.height
      }
      expect(inner).toBeLessThanOrEqual(section.height)
      top += section.height
    }
    expect(layout.height).toBe(top)
  })

  test('has a heading for each month and each day', () => {
    const labels = layout.sections[0]?.blocks.filter(({ label }) => label).map(({ label }) => label)
    expect(labels).toEqual(['2026-11', '2026-11-21', '2026-11-03'])
  })

  test('shows only the blocks within a range', () => {
    const all = visible(layout, 0, layout.height)
    const from = 300
    const some = visible(layout, from, from + 100)
    expect(some).toEqual(all.filter(({ top, height }) => top + height > from && top < from + 100))
    expect(some.length).toBeGreaterThan(0)
    expect(visible(layout, layout.height, layout.height + 500)).toEqual([])
  })

  test('finds the photo above and below by its middle', () => {
    const rows = layout.sections[0]?.blocks.filter(({ kind }) => kind === 'row') ?? []
    const [first, second] = rows
    expect(verticalNeighbour(layout, first?.tiles[0]?.photo.filename ?? '', 1)).toBe(second?.tiles[0]?.photo.filename)
    expect(verticalNeighbour(layout, second?.tiles[0]?.photo.filename ?? '', -1)).toBe(first?.tiles[0]?.photo.filename)
    expect(verticalNeighbour(layout, first?.tiles[0]?.photo.filename ?? '', -1)).toBeNull()
  })

  test('keeps what is shown in place when a month above is loaded', () => {
    const below = placeOf(layout, '20.jpg')
    expect(below).not.toBeNull()
    const y = (below?.top ?? 0) + 15
    const anchor = anchorAt(layout, y)
    const loaded = months.map((month) =>
      month.key === '2026-10' ? { ...month, photos: photos(400, '2026-10-10', 100), remaining: 0 } : month,
    )
    const after = layOut(loaded, WIDTH)
    expect(after.height).not.toBe(layout.height)
    const moved = anchor && anchoredAt(after, anchor)
    expect(moved).toBeCloseTo((placeOf(after, '20.jpg')?.top ?? 0) + 15)
  })

  test('keeps the part of a month that is shown when that month is loaded', () => {
    const october = layout.sections[1]
    const anchor = anchorAt(layout, (october?.top ?? 0) + (october?.height ?? 0) / 2)
    const loaded = months.map((month) =>
      month.key === '2026-10' ? { ...month, photos: photos(400, '2026-10-10', 100), remaining: 0 } : month,
    )
    const after = layOut(loaded, WIDTH)
    const section = after.sections[1]
    const y = anchor && anchoredAt(after, anchor)
    expect(((y ?? 0) - (section?.top ?? 0)) / (section?.height ?? 1)).toBeCloseTo(0.5)
  })

  test('computes only the months that have changed', () => {
    const changed = months.map((month, index) => (index === 0 ? { ...month } : month))
    const again = layOut(changed, WIDTH)
    const kept = again.sections.map(({ blocks }, index) => blocks === layout.sections[index]?.blocks)
    expect(kept).toEqual([false, true, true])
  })
})

test('the estimate for photos that are not loaded is close to what they take', () => {
  const real = layOut([{ key: '2026-11', photos: spread(600), remaining: 0 }], WIDTH).height
  expect(estimate(600, WIDTH) / real).toBeGreaterThan(0.7)
  expect(estimate(600, WIDTH) / real).toBeLessThan(1.4)
})

function spread(count: number): Photo[] {
  const day = (index: number) => String(30 - Math.floor((index * 30) / count)).padStart(2, '0')
  return Array.from({ length: count }, (_, index) => photo(index, [4, 3], `2026-11-${day(index)}`))
}

test('rows are lower on a phone', () => {
  expect(rowHeight(360)).toBeLessThan(rowHeight(1200))
})

describe('scrolling', () => {
  test('is one to one as long as browsers can lay the page out', () => {
    expect(scrolling(6_000_000, 800)).toEqual({ height: 6_000_000, scale: 1 })
  })

  test('reaches the end of a page that is taller', () => {
    const { height, scale } = scrolling(40_000_000, 800)
    expect(height).toBeLessThan(17_000_000)
    expect((height - 800) * scale).toBeCloseTo(40_000_000 - 800)
  })
})

test('tiles are a gap apart', () => {
  const [row] = justify(photos(3), 10_000, 300)
  const [first, second] = row?.tiles ?? []
  expect((second?.left ?? 0) - (first?.width ?? 0)).toBe(GAP)
})
