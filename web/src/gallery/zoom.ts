import { useEffect, useRef, useState } from 'preact/hooks'

interface Zoom {
  scale: number
  x: number
  y: number
}

const NONE: Zoom = { scale: 1, x: 0, y: 0 }
const MOST = 8
const SWIPE_PIXELS = 60

/** The zoom after scaling by `factor` around a point, which is measured from the middle of the area. */
export function zoomedAt(zoom: Zoom, factor: number, x: number, y: number): Zoom {
  const scale = Math.min(MOST, Math.max(1, zoom.scale * factor))
  if (scale === 1) return NONE
  const part = scale / zoom.scale
  return { scale, x: x - (x - zoom.x) * part, y: y - (y - zoom.y) * part }
}

/** Zoom by wheel, pinch, double click and the keys + and -; drag while zoomed; swipe while not. */
export function useZoom(swipe: (step: 1 | -1) => unknown) {
  const area = useRef<HTMLDivElement>(null)
  const [zoom, setZoom] = useState(NONE)
  const current = useRef(zoom)
  const swiped = useRef(swipe)
  current.current = zoom
  swiped.current = swipe

  const around = (factor: number, x = 0, y = 0) => setZoom((before) => zoomedAt(before, factor, x, y))

  useEffect(() => {
    const element = area.current
    if (!element) return
    const pointers = new Map<number, PointerEvent>()
    let start: { x: number; y: number } | null = null
    const fromMiddle = (x: number, y: number): [number, number] => {
      const box = element.getBoundingClientRect()
      return [x - box.left - box.width / 2, y - box.top - box.height / 2]
    }
    const wheel = (event: WheelEvent) => {
      event.preventDefault()
      around(Math.exp(-event.deltaY / 300), ...fromMiddle(event.clientX, event.clientY))
    }
    const twice = (event: MouseEvent) => {
      if (current.current.scale > 1) setZoom(NONE)
      else around(2.5, ...fromMiddle(event.clientX, event.clientY))
    }
    const down = (event: PointerEvent) => {
      element.setPointerCapture(event.pointerId)
      pointers.set(event.pointerId, event)
      start = pointers.size === 1 ? { x: event.clientX, y: event.clientY } : null
    }
    const move = (event: PointerEvent) => {
      const before = pointers.get(event.pointerId)
      if (!before) return
      const other = [...pointers.values()].find(({ pointerId }) => pointerId !== event.pointerId)
      if (other) {
        const distance = (one: PointerEvent) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)
        const middle = fromMiddle((event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2)
        around(distance(event) / Math.max(1, distance(before)), ...middle)
      } else if (current.current.scale > 1) {
        const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY]
        setZoom((zoomed) => ({ ...zoomed, x: zoomed.x + x, y: zoomed.y + y }))
      }
      pointers.set(event.pointerId, event)
    }
    const up = (event: PointerEvent) => {
      pointers.delete(event.pointerId)
      if (!start || current.current.scale > 1) return
      const [x, y] = [event.clientX - start.x, event.clientY - start.y]
      start = null
      if (Math.abs(x) > SWIPE_PIXELS && Math.abs(x) > 2 * Math.abs(y)) swiped.current(x < 0 ? 1 : -1)
    }
    const cancel = (event: PointerEvent) => {
      pointers.delete(event.pointerId)
      start = null
    }
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey) return
      if (event.key === '+' || event.key === '=') around(1.5)
      if (event.key === '-') around(1 / 1.5)
      if (event.key === '0') setZoom(NONE)
    }
    const stop = new AbortController()
    const options = { signal: stop.signal }
    element.addEventListener('wheel', wheel, { ...options, passive: false })
    element.addEventListener('dblclick', twice, options)
    element.addEventListener('pointerdown', down, options)
    element.addEventListener('pointermove', move, options)
    element.addEventListener('pointerup', up, options)
    element.addEventListener('pointercancel', cancel, options)
    addEventListener('keydown', key, options)
    return () => stop.abort()
  }, [])

  return {
    area,
    transform: `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`,
    zoomed: zoom.scale > 1,
    zoomBy: (factor: number) => around(factor),
    reset: () => setZoom(NONE),
  }
}
