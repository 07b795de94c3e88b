import { useRef, useState } from 'preact/hooks'
import { month } from '../lib/format'
import { t } from '../lib/i18n'
import type { Layout } from './layout'

interface Props {
  layout: Layout
  /** What is shown: from this pixel of the page, this many. */
  top: number
  height: number
  go: (y: number) => void
}

const LABEL_DISTANCE = 22

/** The years beside the photos: a slider over time. */
export function Scrubber({ layout, top, height, go }: Props) {
  const track = useRef<HTMLDivElement>(null)
  const [dragging, setDragging] = useState(false)
  const { sections } = layout
  const range = Math.max(1, layout.height - height)
  const index = Math.max(
    0,
    sections.findLastIndex((placed) => placed.top <= top + 1),
  )
  const current = sections[index]
  if (sections.length < 2 || layout.height <= height * 1.5 || !current) return null

  const jump = (to: number) => {
    const placed = sections[Math.min(sections.length - 1, Math.max(0, to))]
    if (placed) go(Math.min(placed.top, range))
  }
  const drag = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect()
    if (box) go(Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)) * range)
  }
  const yearStep = (step: 1 | -1) => {
    const year = current.section.key.slice(0, 4)
    const differs = ({ section }: { section: { key: string } }) => section.key.slice(0, 4) !== year
    const next = step === 1 ? sections.findIndex((placed, i) => i > index && differs(placed)) : index - 12
    jump(next < 0 && step === 1 ? sections.length - 1 : next)
  }
  const key = (event: KeyboardEvent) => {
    const moves: Record<string, () => void> = {
      ArrowDown: () => jump(index + 1),
      ArrowUp: () => jump(index - 1),
      ArrowRight: () => jump(index + 1),
      ArrowLeft: () => jump(index - 1),
      PageDown: () => yearStep(1),
      PageUp: () => yearStep(-1),
      Home: () => jump(0),
      End: () => jump(sections.length - 1),
    }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    move()
  }

  return (
    <div
      class={`scrubber ${dragging ? 'dragging' : ''}`}
      ref={track}
      role="slider"
      tabIndex={0}
      aria-label={t('gallery.scrubber')}
      aria-orientation="vertical"
      aria-valuemin={1}
      aria-valuemax={sections.length}
      aria-valuenow={index + 1}
      aria-valuetext={month(current.section.key)}
      onKeyDown={key}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setDragging(true)
        drag(event)
      }}
      onPointerMove={(event) => dragging && drag(event)}
      onPointerUp={() => setDragging(false)}
      onPointerCancel={() => setDragging(false)}
    >
      {years(layout, height).map(({ year, part }) => (
        <span key={year} class="year" style={{ top: `${part * 100}%` }} aria-hidden="true">
          {year}
        </span>
      ))}
      <span class="thumb" style={{ top: `${Math.min(1, top / range) * 100}%` }}>
        <span class="bubble">{month(current.section.key)}</span>
      </span>
    </div>
  )
}

/** Where each year begins, as a part of the track. Years that would overlap the one above are left out. */
function years({ sections, height }: Layout, track: number): { year: string; part: number }[] {
  const found: { year: string; part: number }[] = []
  for (const { section, top } of sections) {
    const year = section.key.slice(0, 4)
    const part = top / height
    const last = found.at(-1)
    if (last?.year === year) continue
    if (last && (part - last.part) * track < LABEL_DISTANCE) continue
    found.push({ year, part })
  }
  return found
}
