import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

let first = true

interface Props {
  title: string
  children: ComponentChildren
  /** Beside the heading. */
  actions?: ComponentChildren
  narrow?: boolean
}

/** One page. A new page moves the focus to its heading, so that a screen reader says where the user is. */
export function Page({ title, children, actions, narrow = false }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (!first) heading.current?.focus({ preventScroll: true })
    first = false
  }, [])
  useEffect(() => {
    document.title = `${title} – yourplace`
  }, [title])
  return (
    <div class={`page ${narrow ? 'narrow' : ''}`}>
      <header class="page-header">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}
