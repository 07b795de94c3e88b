import { navigate } from '../lib/router'
import { fromList } from './files'
import { add } from './uploads'

/** Opens the picker of the system, and uploads what is chosen. */
export function choose({ folder = false } = {}): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  if (folder) input.webkitdirectory = true
  else input.accept = 'image/*,.heic,.heif,.avif,.tif,.tiff,.zip'
  input.addEventListener('change', () => {
    if (!input.files?.length) return
    navigate('/upload')
    void add(fromList(input.files))
  })
  input.click()
}
