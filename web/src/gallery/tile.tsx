import { useState } from 'preact/hooks'
import type { Photo } from '../api/types'
import { dateTime, localTime, originalName } from '../lib/format'
import { t } from '../lib/i18n'
import { Icon } from '../ui/icons'
import { selection } from './actions'
import type { Tile } from './layout'
import { blurred } from './thumbhash'

/** What a screen reader says of a photo. */
export function describe(photo: Photo): string {
  return t('photo.alt', { name: originalName(photo.filename), time: dateTime(localTime(photo.taken_at)) })
}

interface Props {
  tile: Tile
  height: number
  /** Whether the tab key stops here: at one photo only, and arrow keys lead to the others. */
  active: boolean
  href: string
  toggle: (photo: Photo, range: boolean) => void
  open: (event: MouseEvent, photo: Photo) => void
}

export function PhotoTile({ tile: { photo, left, width }, height, active, href, toggle, open }: Props) {
  const selected = selection.value.has(photo.filename)
  const blur = photo.thumbhash ? blurred(photo.thumbhash) : null
  return (
    <li
      class={`tile ${selected ? 'selected' : ''}`}
      style={{ left: `${left}px`, width: `${width}px`, height: `${height}px` }}
    >
      <a
        href={href}
        data-photo={photo.filename}
        tabIndex={active ? 0 : -1}
        aria-label={selected ? t('photo.selected', { photo: describe(photo) }) : describe(photo)}
        onClick={(event) => open(event, photo)}
        style={blur ? { backgroundImage: `url("${blur}")` } : {}}
      >
        <Thumbnail photo={photo} />
      </a>
      <label class="select">
        <input
          type="checkbox"
          checked={selected}
          tabIndex={-1}
          onClick={(event) => toggle(photo, event.shiftKey)}
          aria-label={t('photo.select', { name: originalName(photo.filename) })}
        />
      </label>
      {photo.favourite && (
        <span class="badge">
          <Icon name="heart" filled />
        </span>
      )}
    </li>
  )
}

/** The thumbnail over the blurred image, or the type of a file that cannot be shown. */
export function Thumbnail({ photo }: { photo: Photo }) {
  const [shown, setShown] = useState(false)
  if (photo.thumbnail_url) {
    return (
      <img
        class={shown ? 'shown' : ''}
        src={photo.thumbnail_url}
        alt=""
        decoding="async"
        draggable={false}
        onLoad={() => setShown(true)}
        onError={() => setShown(false)}
      />
    )
  }
  return (
    <span class={`standin ${photo.rendition}`}>
      {photo.rendition === 'pending' ? (
        <Icon name="photo" />
      ) : (
        <>
          <Icon name="file" />
          <span>{photo.type.toUpperCase()}</span>
        </>
      )}
    </span>
  )
}
