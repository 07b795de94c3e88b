import { api } from '../api/session'
import type { Auction } from '../api/types'

/** The API's limit for a picture. */
const MOST_BYTES = 4_194_304
const LONGER_SIDE = 2048
const QUALITY = 0.85

export function pickPicture(): Promise<File | null> {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = 'image/*'
  return new Promise((resolve) => {
    input.addEventListener('change', () => resolve(input.files?.[0] ?? null))
    input.addEventListener('cancel', () => resolve(null))
    input.click()
  })
}

/** Sends the picture of an auction. One that is too large is made smaller first, which also drops its EXIF data. */
export async function sendPicture(auction: string, file: File): Promise<Auction> {
  const raw = file.size > MOST_BYTES ? await smaller(file) : file
  return api<Auction>(`/auctions/${auction}/picture`, { method: 'PATCH', raw, repeat: true })
}

async function smaller(file: File): Promise<Blob> {
  const image = await createImageBitmap(file)
  const scale = Math.min(1, LONGER_SIDE / Math.max(image.width, image.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(image.width * scale)
  canvas.height = Math.round(image.height * scale)
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY))
  // The browser cannot read it: the API says what is wrong with the file.
  return made ?? file
}
