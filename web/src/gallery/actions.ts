import { signal } from '@preact/signals'
import { delay, Problem } from '../api/http'
import { api } from '../api/session'
import type { Job, Photo } from '../api/types'
import { t } from '../lib/i18n'
import { navigate } from '../lib/router'
import { explain, toast } from '../ui/notes'
import { library, photosChanged, photosDeleted } from './library'

const AT_ONCE = 6

/** The names of the selected photos. */
export const selection = signal<ReadonlySet<string>>(new Set())

export function path(filename: string): string {
  return `/photos/${encodeURIComponent(filename)}`
}

/** Does something to many photos, a few at a time. What succeeded counts even if others failed. */
async function each<T>(
  filenames: readonly string[],
  run: (filename: string) => Promise<T>,
): Promise<{ done: { filename: string; result: T }[]; error: unknown }> {
  const waiting = [...filenames]
  const done: { filename: string; result: T }[] = []
  let error: unknown
  const worker = async () => {
    for (let filename = waiting.shift(); filename !== undefined; filename = waiting.shift()) {
      try {
        done.push({ filename, result: await run(filename) })
      } catch (failure) {
        error ??= failure
        // That a photo is gone says nothing about the others.
        if (!(failure instanceof Problem && failure.status === 404)) waiting.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (error) toast(explain(error), { bad: true })
  return { done, error }
}

/** Moves photos to the trash, and offers to undo it. */
export async function trash(filenames: readonly string[]): Promise<void> {
  const { done } = await each(filenames, (filename) => api(path(filename), { method: 'DELETE' }))
  const names = done.map(({ filename }) => filename)
  photosDeleted(names)
  if (names.length === 0) return
  toast(t('trash.moved', { n: names.length }), {
    action: { label: t('action.undo'), run: () => void restore(names) },
  })
}

export async function restore(filenames: readonly string[]): Promise<void> {
  const { done } = await each(filenames, (filename) => api<Photo>(`${path(filename)}/restore`, { method: 'POST' }))
  photosChanged(done.map(({ result }) => result))
  await library('all').open()
  if (done.length > 0) toast(t('trash.restored', { n: done.length }))
}

export async function deleteForGood(filenames: readonly string[]): Promise<void> {
  const { done } = await each(filenames, (filename) =>
    api(path(filename), { method: 'DELETE', query: { permanently: true } }),
  )
  photosDeleted(done.map(({ filename }) => filename))
  if (done.length > 0) toast(t('trash.deleted', { n: done.length }))
}

export async function emptyTrash(): Promise<void> {
  await api('/trash', { method: 'DELETE' })
  const all = library('trash').sections.peek() ?? []
  photosDeleted(all.flatMap(({ photos }) => photos.map(({ filename }) => filename)))
  toast(t('trash.emptied'))
}

export async function favour(filenames: readonly string[], favourite: boolean): Promise<void> {
  const { done } = await each(filenames, (filename) =>
    api<Photo>(path(filename), { method: 'PATCH', body: { favourite } }),
  )
  photosChanged(done.map(({ result }) => result))
}

/** The presigned URL of a photo's file. */
export async function fileUrl(filename: string): Promise<string> {
  const headers = { Accept: 'application/json' }
  return (await api<{ url: string }>('/download', { query: { filename }, headers })).url
}

/** Saves one photo as a file. Several become an archive, which the page of its job offers. */
export async function download(filenames: readonly string[]): Promise<void> {
  try {
    const [filename, ...others] = filenames
    if (filename !== undefined && others.length === 0) save(await fileUrl(filename))
    else await exportPhotos({ photos: filenames })
  } catch (error) {
    toast(explain(error), { bad: true })
  }
}

/** Starts an archive of photos, and shows its job. */
export async function exportPhotos(wanted: { photos?: readonly string[] }): Promise<void> {
  const job = await api<Job>('/exports', { method: 'POST', body: wanted })
  navigate(`/jobs/${job.id}`)
}

export function save(url: string): void {
  const link = document.createElement('a')
  link.href = url
  link.rel = 'noreferrer'
  link.download = ''
  document.body.append(link)
  link.click()
  void delay(0).then(() => link.remove())
}
