import type { ComponentChildren } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'
import { Problem } from '../api/http'
import { t } from '../lib/i18n'
import { Failure } from './notes'

interface FieldProps {
  label: string
  name: string
  hint?: string
  /** What the API says about this member. */
  error?: string | undefined
  type?: 'text' | 'password' | 'email'
  autocomplete?: 'username' | 'email' | 'name' | 'current-password' | 'new-password' | 'one-time-code'
  autocapitalize?: 'none'
  inputMode?: 'numeric' | 'decimal'
  spellcheck?: boolean
  required?: boolean
  maxLength?: number
  defaultValue?: string
}

/** A labelled input with its hint and its error. */
export function Field({ label, hint, error, type = 'text', ...input }: FieldProps) {
  const id = useId()
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  const attributes = {
    ...input,
    id,
    ...(error ? { 'aria-invalid': true } : {}),
    ...(described ? { 'aria-describedby': described } : {}),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'password' && <input type="password" {...attributes} />}
      {type === 'email' && <input type="email" {...attributes} />}
      {type === 'text' && <input type="text" {...attributes} />}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="wrong" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}

interface FormProps {
  submit: string
  /** Does the work; what it throws is shown above the button, or at the fields that the API names. */
  run: (values: Record<string, string>) => Promise<void>
  children: (errors: Record<string, string>) => ComponentChildren
}

/** A form that shows it is busy, and says what was wrong. */
export function Form({ submit, run, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const fields = error instanceof Problem ? error.fields : {}
  const names = form.current ? new Set(new FormData(form.current).keys()) : new Set<string>()
  // An error of a member that has no field here must not be lost.
  const placed = Object.keys(fields).length > 0 && Object.keys(fields).every((name) => names.has(name))

  const submitted = async (event: Event) => {
    event.preventDefault()
    if (busy || !form.current) return
    const values = Object.fromEntries([...new FormData(form.current)].map(([name, value]) => [name, String(value)]))
    setBusy(true)
    setError(undefined)
    try {
      await run(values)
    } catch (failure) {
      setError(failure)
      queueMicrotask(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus())
    } finally {
      setBusy(false)
    }
  }

  return (
    <form ref={form} onSubmit={submitted} noValidate={false}>
      {children(fields)}
      {placed ? null : <Failure error={error} />}
      {Object.entries(fields)
        .filter(([name]) => !names.has(name))
        .map(([name, detail]) => (
          <p key={name} class="wrong">
            {detail}
          </p>
        ))}
      <button type="submit" class="primary" aria-disabled={busy}>
        {busy ? t('state.working') : submit}
      </button>
    </form>
  )
}
