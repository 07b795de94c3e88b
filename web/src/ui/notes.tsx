import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Problem, Unreachable } from '../api/http'
import { hasText, t } from '../lib/i18n'
import { Icon } from './icons'

/** What went wrong and what to do about it. Where the API gives a reason, in the API's words. */
export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t('error.offline')
  if (error instanceof Problem) {
    const key = `problem.${error.kind}`
    if (hasText(key)) return t(key, values(error.body))
    if (error.status === 401) return t('error.session')
    if (error.detail) return error.detail
    if (error.status === 429) return t('error.busy')
    if (error.status === 404 || error.status === 405) return t('error.missing')
    return t('error.server', { status: error.status })
  }
  return t('error.unexpected')
}

function values(body: Record<string, unknown>): Record<string, string | number> {
  const entries = Object.entries(body).filter(([, value]) => typeof value === 'string' || typeof value === 'number')
  return Object.fromEntries(entries) as Record<string, string | number>
}

/** An error that a screen reader announces at once. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null
  return (
    <div class="note bad" role="alert">
      <Icon name="warning" />
      <p>{explain(error)}</p>
      {retry && (
        <button type="button" onClick={retry}>
          {t('action.retry')}
        </button>
      )}
    </div>
  )
}

export function Note({ children, kind = 'info' }: { children: ComponentChildren; kind?: 'info' | 'good' }) {
  return (
    <div class={`note ${kind}`} role="status">
      {children}
    </div>
  )
}

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      <span class="hidden">{t('state.loading')}</span>
    </div>
  )
}

/** Says that there is nothing here yet, and how to change that. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name="photo" />
      <h2>{title}</h2>
      {children}
    </div>
  )
}

interface Toast {
  id: number
  text: string
  bad: boolean
  action: { label: string; run: () => void } | undefined
}

const toasts = signal<Toast[]>([])
let lastToast = 0
const TOAST_MS = 8000

/** A short message at the edge of the window. With an action, such as to undo. */
export function toast(text: string, options: { bad?: boolean; action?: Toast['action'] } = {}): void {
  lastToast += 1
  const id = lastToast
  toasts.value = [...toasts.value.slice(-2), { id, text, bad: options.bad ?? false, action: options.action }]
  setTimeout(() => dismiss(id), options.action ? TOAST_MS * 2 : TOAST_MS)
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((shown) => shown.id !== id)
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, bad, action }) => (
        <div key={id} class={`toast ${bad ? 'bad' : ''}`}>
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                dismiss(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
          <button type="button" class="plain" aria-label={t('action.dismiss')} onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
