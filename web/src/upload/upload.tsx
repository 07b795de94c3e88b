import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/session'
import type { Upload } from '../api/types'
import { path as photoPath } from '../gallery/actions'
import { bytes, clock, dateTime, originalName } from '../lib/format'
import { t } from '../lib/i18n'
import { Icon } from '../ui/icons'
import { explain, Failure, toast } from '../ui/notes'
import { Page } from '../ui/page'
import { choose } from './choose'
import { again, cancel, clearDone, discard, type Item, items, retry, totals } from './uploads'

/** More rows than this would slow the page down. Those that need attention come first. */
const MOST_ROWS = 300
const ORDER = ['refused', 'sending', 'finishing', 'offline', 'waiting', 'done']

export function UploadPage() {
  const { active, done } = totals.value
  const rows = items.value.slice()
  rows.sort((one, other) => ORDER.indexOf(one.view.peek().state) - ORDER.indexOf(other.view.peek().state))
  return (
    <Page title={t('upload.title')}>
      <div class="drop">
        <Icon name="upload" />
        <p>{t('upload.drop')}</p>
        <div class="actions">
          <button type="button" class="primary" onClick={() => choose()}>
            {t('upload.choose')}
          </button>
          <button type="button" onClick={() => choose({ folder: true })}>
            {t('upload.chooseFolder')}
          </button>
        </div>
        <p class="hint">{t('upload.kinds')}</p>
      </div>
      {items.value.length > 0 && (
        <section>
          <h2>{t('upload.now')}</h2>
          <Total />
          <ul class="uploads">
            {rows.slice(0, MOST_ROWS).map((item) => (
              <Row key={item.number} item={item} />
            ))}
          </ul>
          {rows.length > MOST_ROWS && <p>{t('upload.more', { n: rows.length - MOST_ROWS })}</p>}
          {done > 0 && active === 0 && (
            <button type="button" onClick={clearDone}>
              {t('upload.clear')}
            </button>
          )}
        </section>
      )}
      <Unfinished />
    </Page>
  )
}

/** All files together. Also shown on other pages while something is being sent. */
export function Total() {
  const { sent, size, done, refused, active, perSecond, seconds } = totals.value
  const label = active > 0 ? t('upload.sending', { n: active }) : t('upload.ended', { n: done })
  return (
    <div class="total">
      <p role="status">
        {label} {refused > 0 && t('upload.refused', { n: refused })}
      </p>
      {active > 0 && (
        <>
          <progress aria-label={t('upload.progress')} max={Math.max(size, 1)} value={sent} />
          <p class="hint">
            {t('upload.bytes', { sent: bytes(sent), size: bytes(size), rate: bytes(perSecond) })}
            {seconds !== null && ` · ${t('upload.left', { time: clock(seconds) })}`}
          </p>
        </>
      )}
    </div>
  )
}

function Row({ item }: { item: Item }) {
  const { state, sent, error, photo, job, before } = item.view.value
  const name = item.path
  return (
    <li class={`upload ${state}`}>
      <Icon name={state === 'done' ? 'check' : state === 'refused' ? 'warning' : item.archive ? 'file' : 'photo'} />
      <div class="grow">
        <p class="name">{name}</p>
        {(state === 'sending' || state === 'offline') && (
          <progress aria-label={t('upload.progressOf', { name })} max={Math.max(item.file.size, 1)} value={sent} />
        )}
        <p class="hint">
          {bytes(item.file.size)} · {t(before ? 'upload.before' : `upload.state.${state}`)}
          {photo && (
            <>
              {' · '}
              <a href={photoPath(photo.filename)}>{t('upload.show')}</a>
            </>
          )}
          {job && (
            <>
              {' · '}
              <a href={`/jobs/${job.id}`}>{t('upload.job')}</a>
            </>
          )}
        </p>
        {photo?.duplicate_of && (
          <p class="hint">
            {t('upload.duplicate')} <a href={photoPath(photo.duplicate_of)}>{originalName(photo.duplicate_of)}</a>
          </p>
        )}
        {state === 'refused' && <p class="wrong">{explain(error)}</p>}
      </div>
      {state === 'refused' && (
        <button type="button" onClick={() => retry(item)}>
          {t('action.retry')}
        </button>
      )}
      {before && (
        <button type="button" onClick={() => again(item)}>
          {t('upload.again')}
        </button>
      )}
      {state !== 'finishing' && (
        <button
          type="button"
          class="plain"
          aria-label={t(state === 'done' ? 'upload.remove' : 'upload.cancel', { name })}
          onClick={() => cancel(item).catch((failure) => toast(explain(failure), { bad: true }))}
        >
          <Icon name="close" />
        </button>
      )}
    </li>
  )
}

/** Uploads that another visit or another device has not finished. */
function Unfinished() {
  const [uploads, setUploads] = useState<Upload[]>([])
  const [error, setError] = useState<unknown>()
  const load = () => {
    setError(undefined)
    api<{ uploads: Upload[] }>('/uploads').then(({ uploads: found }) => setUploads(found), setError)
  }
  const busy = totals.value.active > 0
  useEffect(() => {
    if (!busy) load()
  }, [busy])
  if (busy || (uploads.length === 0 && !error)) return null
  return (
    <section>
      <h2>{t('unfinished.title')}</h2>
      <p>{t('unfinished.how')}</p>
      <Failure error={error} retry={load} />
      <ul class="uploads">
        {uploads.map((upload) => (
          <li key={upload.id} class="upload">
            <Icon name="file" />
            <div class="grow">
              <p class="name">{upload.filename}</p>
              <p class="hint">
                {t('unfinished.state', {
                  received: bytes(upload.received),
                  size: bytes(upload.size),
                  time: dateTime(new Date(upload.expires_at)),
                })}
              </p>
            </div>
            <button
              type="button"
              onClick={() =>
                discard(upload.id).then(() => setUploads((all) => all.filter(({ id }) => id !== upload.id)), setError)
              }
            >
              {t('unfinished.discard')}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
