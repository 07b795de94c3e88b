import { useEffect, useState } from 'preact/hooks'
import { t } from '../lib/i18n'
import { navigate } from '../lib/router'
import { filesOf } from './files'
import { add } from './uploads'

/** Takes files that are dropped or pasted anywhere in the app. */
export function DropTarget() {
  const [over, setOver] = useState(false)
  useEffect(() => {
    let depth = 0
    const stop = new AbortController()
    const options = { signal: stop.signal }
    const hasFiles = (data: DataTransfer | null) => data?.types.includes('Files') ?? false
    const take = async (data: DataTransfer) => {
      const found = await filesOf(data)
      if (found.length === 0) return
      navigate('/upload')
      await add(found)
    }
    addEventListener(
      'dragenter',
      (event) => {
        if (!hasFiles(event.dataTransfer)) return
        depth += 1
        setOver(true)
      },
      options,
    )
    addEventListener(
      'dragleave',
      (event) => {
        if (!hasFiles(event.dataTransfer)) return
        depth = Math.max(0, depth - 1)
        setOver(depth > 0)
      },
      options,
    )
    addEventListener(
      'dragover',
      (event) => {
        if (hasFiles(event.dataTransfer)) event.preventDefault()
      },
      options,
    )
    addEventListener(
      'drop',
      (event) => {
        if (!event.dataTransfer || !hasFiles(event.dataTransfer)) return
        event.preventDefault()
        depth = 0
        setOver(false)
        void take(event.dataTransfer)
      },
      options,
    )
    addEventListener(
      'paste',
      (event) => {
        if (event.clipboardData && hasFiles(event.clipboardData)) void take(event.clipboardData)
      },
      options,
    )
    return () => stop.abort()
  }, [])
  return over ? <div class="drop-over">{t('upload.dropHere')}</div> : null
}
