import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../api/http'
import { api } from '../api/session'
import type { Photo } from '../api/types'
import { bytes, dateTime, localTime, originalName, place } from '../lib/format'
import { t } from '../lib/i18n'
import { back, navigate, query } from '../lib/router'
import { confirmed } from '../ui/confirm'
import { Icon, type IconName } from '../ui/icons'
import { Failure, Loading, Toasts } from '../ui/notes'
import { deleteForGood, download, favour, fileUrl, path, restore, trash } from './actions'
import { type Library, photosChanged } from './library'
import { blurred } from './thumbhash'
import { describe } from './tile'
import { useZoom } from './zoom'

/** The types that browsers show without a rendition of ours. */
const SHOWN_BY_BROWSERS = new Set(['jpg', 'png', 'gif', 'webp', 'avif', 'bmp'])
const LARGEST_ORIGINAL = 60_000_000
const RENDITION_MS = 3000

interface Props {
  photos: Library
  filename: string
  home: string
}

/** One photo over the whole window. */
export function Viewer({ photos, filename, home }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const known = photos.photo(filename)
  const [fetched, setFetched] = useState<Photo>()
  const [error, setError] = useState<unknown>()
  const [info, setInfo] = useState(false)
  const photo = known ?? (fetched?.filename === filename ? fetched : undefined)
  const inTrash = photos.source === 'trash'

  useEffect(() => dialog.current?.showModal(), [])
  const load = () => {
    setError(undefined)
    api<Photo>(path(filename)).then(
      async (found) => {
        setFetched(found)
        photosChanged([found])
        await photos.reach(found).catch(() => undefined)
      },
      (failure) => setError(failure),
    )
  }
  useEffect(() => {
    if (!known || photos.isStale(known)) load()
  }, [filename, known !== undefined && photos.sections.value !== null])
  usePendingRendition(photo, load)

  const search = query.value.size ? `?${query.value}` : ''
  const go = async (step: 1 | -1) => {
    const next = await photos.neighbour(filename, step).catch(() => null)
    if (next) navigate(path(next.filename) + search, { replace: true })
    return next !== null
  }
  const close = () => back(home)
  /** After a photo is gone from here: the next one, else the one before, else the gallery. */
  const leaveWith = async (act: () => Promise<void>) => {
    if (!((await go(1)) || (await go(-1)))) close()
    await act()
  }
  const actions: Record<string, () => void> = {
    ArrowRight: () => void go(1),
    ArrowLeft: () => void go(-1),
    i: () => setInfo(!info),
    f: () => photo && !inTrash && void favour([filename], !photo.favourite),
    d: () => void download([filename]),
    Delete: () => !inTrash && void leaveWith(() => trash([filename])),
  }
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const action = actions[event.key]
    if (!action) return
    event.preventDefault()
    action()
  }
  const forGood = async () => {
    const question = t('trash.confirmDelete', { n: 1 })
    if (await confirmed(question, t('action.deleteForGood'))) await leaveWith(() => deleteForGood([filename]))
  }

  return (
    <dialog
      ref={dialog}
      class={`viewer ${info ? 'with-info' : ''}`}
      aria-label={photo ? describe(photo) : t('viewer.title')}
      onKeyDown={key}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
    >
      <div class="viewer-bar">
        <Tool icon="back" label={t('viewer.close')} run={close} />
        <span class="grow" />
        {photo && inTrash && (
          <>
            <Tool icon="restore" label={t('action.restore')} run={() => leaveWith(() => restore([filename]))} />
            <Tool icon="trash" label={t('action.deleteForGood')} run={forGood} />
          </>
        )}
        {photo && !inTrash && (
          <>
            <Tool
              icon="heart"
              label={t(photo.favourite ? 'action.unfavour' : 'action.favour')}
              pressed={photo.favourite}
              run={() => favour([filename], !photo.favourite)}
            />
            <Tool icon="trash" label={t('action.delete')} run={() => leaveWith(() => trash([filename]))} />
          </>
        )}
        {photo && <Tool icon="download" label={t('action.download')} run={() => download([filename])} />}
        <Tool icon="info" label={t('viewer.info')} pressed={info} run={() => setInfo(!info)} />
      </div>
      <Failure error={error} {...(error instanceof Problem && error.status === 404 ? {} : { retry: load })} />
      {photo ? <Stage key={filename} photo={photo} go={go} /> : !error && <Loading />}
      {photo && (
        <>
          <button type="button" class="step previous" aria-label={t('viewer.previous')} onClick={() => go(-1)}>
            <Icon name="back" />
          </button>
          <button type="button" class="step following" aria-label={t('viewer.next')} onClick={() => go(1)}>
            <Icon name="next" />
          </button>
        </>
      )}
      {photo && info && <Info photo={photo} />}
      <Toasts />
    </dialog>
  )
}

function Tool(props: { icon: IconName; label: string; pressed?: boolean; run: () => unknown }) {
  const { icon, label, pressed, run } = props
  return (
    <button
      type="button"
      class="tool"
      title={label}
      aria-label={label}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
      onClick={() => void run()}
    >
      <Icon name={icon} filled={icon === 'heart' && (pressed ?? false)} />
    </button>
  )
}

/** Asks again while the rendition is being made. */
function usePendingRendition(photo: Photo | undefined, load: () => void): void {
  const pending = photo?.rendition === 'pending'
  useEffect(() => {
    if (!pending) return
    const timer = setInterval(load, RENDITION_MS)
    return () => clearInterval(timer)
  }, [pending, photo?.filename])
}

/** The picture itself: blurred, then the thumbnail, then the preview. */
function Stage({ photo, go }: { photo: Photo; go: (step: 1 | -1) => unknown }) {
  const [shown, setShown] = useState(false)
  const [original, setOriginal] = useState<string>()
  const [failed, setFailed] = useState(false)
  const { area, transform, zoomed, zoomBy, reset } = useZoom(go)
  const source = photo.preview_url ?? original
  const blur = photo.thumbhash ? blurred(photo.thumbhash) : null
  const direct = SHOWN_BY_BROWSERS.has(photo.type) && photo.size <= LARGEST_ORIGINAL

  useEffect(() => {
    if (photo.preview_url || !direct || original) return
    fileUrl(photo.filename).then(setOriginal, () => setFailed(true))
  }, [photo.preview_url, direct])

  const ratio = photo.width && photo.height ? photo.width / photo.height : undefined
  const hidden = failed || (!source && !photo.thumbnail_url && !direct)
  return (
    <>
      <div class="stage" ref={area}>
        {hidden ? (
          <div class="standin">
            <Icon name="file" />
            <p>{t(photo.rendition === 'pending' ? 'viewer.pending' : 'viewer.unavailable')}</p>
          </div>
        ) : (
          <div
            class="picture"
            style={{
              transform,
              ...(ratio ? { aspectRatio: String(ratio), width: `min(100cqw, ${ratio} * 100cqh)`, height: 'auto' } : {}),
              ...(blur && !shown ? { backgroundImage: `url("${blur}")` } : {}),
            }}
          >
            {photo.thumbnail_url && !shown && <img class="under" src={photo.thumbnail_url} alt="" />}
            {source && (
              <img
                class={shown ? 'shown' : ''}
                src={source}
                alt={describe(photo)}
                draggable={false}
                onLoad={() => setShown(true)}
                onError={() => setFailed(!photo.thumbnail_url)}
              />
            )}
          </div>
        )}
      </div>
      <div class="zoom">
        <Tool icon="zoomOut" label={t('viewer.zoomOut')} run={() => zoomBy(1 / 1.5)} />
        {zoomed && (
          <button type="button" onClick={reset}>
            {t('viewer.fit')}
          </button>
        )}
        <Tool icon="zoomIn" label={t('viewer.zoomIn')} run={() => zoomBy(1.5)} />
      </div>
    </>
  )
}

function Info({ photo }: { photo: Photo }) {
  const facts: [string, string][] = [
    [t('info.name'), originalName(photo.filename)],
    [t('info.taken'), dateTime(localTime(photo.taken_at))],
    [t('info.takenSource'), t(`source.${photo.taken_at_source}`)],
    [t('info.uploaded'), dateTime(new Date(photo.uploaded_at))],
    [t('info.size'), bytes(photo.size)],
    [t('info.type'), photo.type.toUpperCase()],
  ]
  if (photo.width && photo.height) {
    facts.push([t('info.dimensions'), t('info.pixels', { width: photo.width, height: photo.height })])
  }
  if (photo.camera) facts.push([t('info.camera'), photo.camera])
  if (photo.place) facts.push([t('info.place'), place(photo.place.latitude, photo.place.longitude)])
  return (
    <aside class="info" aria-label={t('viewer.info')}>
      <h2>{t('viewer.info')}</h2>
      <dl class="facts">
        {facts.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {photo.duplicate_of && (
          <div>
            <dt>{t('info.duplicate')}</dt>
            <dd>
              <a href={path(photo.duplicate_of)}>{originalName(photo.duplicate_of)}</a>
            </dd>
          </div>
        )}
      </dl>
      <p class="hint">{t('viewer.keys')}</p>
    </aside>
  )
}
