import { useState } from 'preact/hooks'
import { api, authorized } from '../api/session'
import type { Entry, Job, Outcome } from '../api/types'
import { exportPhotos, path as photoPath, save } from '../gallery/actions'
import { photosAdded } from '../gallery/library'
import { bytes, dateTime } from '../lib/format'
import { hasText, t } from '../lib/i18n'
import { usePages } from '../lib/pages'
import { usePolling } from '../lib/polling'
import { Icon } from '../ui/icons'
import { Empty, explain, Failure, Loading, toast } from '../ui/notes'
import { Page } from '../ui/page'

const LIST_MS = 5000
const OUTCOMES: Outcome[] = ['stored', 'skipped', 'failed']

function title(job: Job): string {
  return job.type === 'export' ? t('jobs.export') : t('jobs.unzip', { name: job.filename ?? '' })
}

async function exportAll(): Promise<void> {
  try {
    await exportPhotos({})
  } catch (error) {
    toast(explain(error), { bad: true })
  }
}

/** The user's jobs, newest first: archives that are unpacked, and exports. */
export function Jobs() {
  const [cursor, setCursor] = useState<string | null>(null)
  const [jobs, setJobs] = useState<Job[]>()
  const [error, setError] = useState<unknown>()
  const poll = usePolling(async (signal) => {
    try {
      const page = await api<{ jobs: Job[]; cursor: string | null }>('/jobs', { query: { limit: 50 }, signal })
      setJobs(page.jobs)
      setCursor(page.cursor)
      setError(undefined)
      return page.jobs.some(({ state }) => state === 'running') ? LIST_MS : null
    } catch (failure) {
      setError(failure)
      return null
    }
  }, [])
  const more = async () => {
    try {
      const page = await api<{ jobs: Job[]; cursor: string | null }>('/jobs', {
        query: { limit: 50, cursor: cursor ?? '' },
      })
      setJobs([...(jobs ?? []), ...page.jobs])
      setCursor(page.cursor)
    } catch (failure) {
      setError(failure)
    }
  }
  return (
    <Page
      title={t('jobs.title')}
      actions={
        <button type="button" onClick={exportAll}>
          <Icon name="download" /> {t('jobs.all')}
        </button>
      }
    >
      <Failure error={error} retry={poll} />
      {!jobs && !error && <Loading />}
      {jobs?.length === 0 && (
        <Empty title={t('jobs.empty')}>
          <p>{t('jobs.how')}</p>
        </Empty>
      )}
      {jobs && jobs.length > 0 && (
        <ul class="cards">
          {jobs.map((job) => (
            <li key={job.id} class="card">
              <h2>
                <a href={`/jobs/${job.id}`}>{title(job)}</a>
              </h2>
              <p class="hint">
                {dateTime(new Date(job.created_at))} · {t(`jobs.state.${job.state}`)}
              </p>
              <Progress job={job} />
            </li>
          ))}
        </ul>
      )}
      {cursor && (
        <button type="button" onClick={more}>
          {t('action.more')}
        </button>
      )}
    </Page>
  )
}

function Progress({ job }: { job: Job }) {
  if (job.state !== 'running') return null
  const { total, done } = job.bytes
  return (
    <>
      <progress aria-label={t('jobs.progress')} {...(total === null ? {} : { max: Math.max(total, 1), value: done })} />
      {total !== null && <p class="hint">{t('jobs.bytes', { done: bytes(done), total: bytes(total) })}</p>}
    </>
  )
}

/** One job: its progress, and the outcome of each entry. */
export function JobPage({ id }: { id: string }) {
  const [job, setJob] = useState<Job>()
  const [error, setError] = useState<unknown>()
  const poll = usePolling(
    async (signal) => {
      try {
        const { data, retryAfter } = await authorized<Job>(`/jobs/${id}`, { signal })
        setJob(data)
        setError(undefined)
        if (data.state === 'running') return Math.max(1, retryAfter ?? 2) * 1000
        if (data.type === 'unzip') photosAdded()
        return null
      } catch (failure) {
        setError(failure)
        return null
      }
    },
    [id],
  )
  const cancel = async () => {
    try {
      await api(`/jobs/${id}`, { method: 'DELETE' })
      poll()
    } catch (failure) {
      toast(explain(failure), { bad: true })
    }
  }
  return (
    <Page
      title={job ? title(job) : t('jobs.one')}
      actions={
        job?.state === 'running' && (
          <button type="button" onClick={cancel}>
            {t('jobs.cancel')}
          </button>
        )
      }
    >
      <p>
        <a href="/jobs">{t('jobs.back')}</a>
      </p>
      <Failure error={error} retry={poll} />
      {!job && !error && <Loading />}
      {job && (
        <>
          <p role="status">
            {t(`jobs.state.${job.state}`)} · {dateTime(new Date(job.created_at))}
          </p>
          <Progress job={job} />
          {job.problem && <p class="wrong">{t('jobs.problem', { problem: job.problem.split(':').at(-1) ?? '' })}</p>}
          <Files job={job} />
          <Report key={job.state} job={job} />
        </>
      )}
    </Page>
  )
}

function Files({ job }: { job: Job }) {
  if (!job.files?.length) return null
  return (
    <section>
      <h2>{t('jobs.files')}</h2>
      <ul class="files">
        {job.files.map(({ filename, size, url }) => (
          <li key={filename}>
            <button type="button" onClick={() => save(url)}>
              <Icon name="download" /> {t('jobs.download', { name: filename, size: bytes(size) })}
            </button>
          </li>
        ))}
      </ul>
      <p class="hint">{t('jobs.kept')}</p>
    </section>
  )
}

/** The entries of an archive, filtered by outcome. */
function Report({ job }: { job: Job }) {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const { items, error, more, loading } = usePages<Entry>(
    `/jobs/${job.id}/entries`,
    'entries',
    outcome ? { outcome, limit: 200 } : { limit: 200 },
  )
  const filters: [Outcome | null, string][] = [
    [null, t('report.all', { n: OUTCOMES.reduce((sum, name) => sum + job.entries[name], 0) })],
    ...OUTCOMES.map((name): [Outcome, string] => [name, t(`report.${name}`, { n: job.entries[name] })]),
  ]
  return (
    <section>
      <h2>{t('report.title')}</h2>
      <fieldset class="filters" aria-label={t('report.filter')}>
        {filters.map(([value, label]) => (
          <button key={label} type="button" aria-pressed={outcome === value} onClick={() => setOutcome(value)}>
            {label}
          </button>
        ))}
      </fieldset>
      <Failure error={error} {...(more ? { retry: more } : {})} />
      {items.length === 0 && !loading && !error && <p>{t('report.none')}</p>}
      <ul class="entries">
        {items.map((entry) => (
          <li key={`${entry.entry} ${entry.photo?.filename}`} class={`entry ${entry.outcome}`}>
            <Icon name={entry.outcome === 'stored' ? 'check' : entry.outcome === 'failed' ? 'warning' : 'info'} />
            <div>
              <p class="name">
                {entry.photo ? <a href={photoPath(entry.photo.filename)}>{entry.entry}</a> : entry.entry}
              </p>
              <p class="hint">
                {t(`outcome.${entry.outcome}`)}
                {/* The reasons are about archives that are unpacked. An export's details say it all. */}
                {entry.reason && job.type === 'unzip' && ` · ${reason(entry.reason)}`}
                {entry.detail && ` · ${entry.detail}`}
              </p>
            </div>
          </li>
        ))}
      </ul>
      {loading && <Loading />}
      {more && !loading && (
        <button type="button" onClick={more}>
          {t('action.more')}
        </button>
      )}
    </section>
  )
}

function reason(word: string): string {
  const key = `reason.${word}`
  return hasText(key) ? t(key) : word
}
