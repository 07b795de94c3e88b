// Outlines on a grid of 24 by 24.
const PATHS = {
  photo: 'M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15 9h.01',
  upload: 'M12 16V4 M7 9l5-5 5 5 M4 16v4h16v-4',
  download: 'M12 4v12 M7 11l5 5 5-5 M4 20h16',
  heart: 'M12 20s-7-4.5-9-9c-1-3 1-6 4-6 2 0 4 1 5 3 1-2 3-3 5-3 3 0 5 3 4 6-2 4.500-9 9-9 9z',
  trash: 'M4 7h16 M9 7V4h6v3 M6 7l1 13h10l1-13 M10 11v5 M14 11v5',
  restore: 'M4 12a8 8 0 1 0 3-6 M4 4v5h5',
  hammer: 'M14 4l6 6-3 3-6-6z M12 8l-8 8 3 3 8-8',
  jobs: 'M4 6h16 M4 12h16 M4 18h10',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4 21c0-4 4-6 8-6s8 2 8 6',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 11v6 M12 7.500h.01',
  close: 'M5 5l14 14 M19 5L5 19',
  back: 'M14 5l-7 7 7 7',
  next: 'M10 5l7 7-7 7',
  warning: 'M12 4L2.500 20h19z M12 10v4 M12 17h.01',
  check: 'M5 12l5 5 9-10',
  zoomIn: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14z M15 15l6 6 M10 7v6 M7 10h6',
  zoomOut: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14z M15 15l6 6 M7 10h6',
  file: 'M6 3h8l4 4v14H6z M14 3v4h4',
  plus: 'M12 5v14 M5 12h14',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg class={`icon ${filled ? 'filled' : ''}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
