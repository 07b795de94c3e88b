import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../lib/i18n'

interface Question {
  text: string
  yes: string
  answer: (yes: boolean) => void
}

const question = signal<Question | null>(null)

/** Asks before something that cannot be undone. */
export function confirmed(text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    question.value?.answer(false)
    question.value = { text, yes, answer: resolve }
  })
}

export function Confirmation() {
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question.value
  useEffect(() => {
    if (asked) dialog.current?.showModal()
  }, [asked])
  if (!asked) return null
  const end = (yes: boolean) => {
    question.value = null
    asked.answer(yes)
  }
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="question" onClose={() => end(false)}>
      <p id="question">{asked.text}</p>
      <div class="actions">
        <button type="button" onClick={() => end(false)}>
          {t('action.cancel')}
        </button>
        <button type="button" class="danger" onClick={() => end(true)}>
          {asked.yes}
        </button>
      </div>
    </dialog>
  )
}
