const MIB = 1024 * 1024

/** Options of @uppy/aws-s3. `base` is the base URL of the API, and `token()` returns an ID token. */
export function yourplace(base, token) {
  async function call(method, path, body) {
    const headers = { Authorization: `Bearer ${token()}` }
    const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) })
    if (response.status === 503) {
      const seconds = Number(response.headers.get('Retry-After') ?? 1)
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
      return call(method, path, body)
    }
    if (!response.ok) throw new Error((await response.json()).detail)
    return response.status === 204 ? null : response.json()
  }

  return {
    shouldUseMultipart: true,
    getChunkSize: ({ size }) => MIB * Math.max(16, Math.ceil(size / 1000 / MIB)),

    async createMultipartUpload(file) {
      const { id } = await call('POST', '/uploads', { filename: file.name, size: file.size })
      return { uploadId: id, key: id }
    },
    async signPart(file, { uploadId, partNumber }) {
      const { parts } = await call('POST', `/uploads/${uploadId}/parts`, { numbers: [partNumber] })
      return { method: 'PUT', url: parts[0].url, headers: parts[0].headers }
    },
    async listParts(file, { uploadId }) {
      // Uppy needs the parts that have arrived. The service lists those that have not, at most 100, lowest first.
      const { part_count, parts } = await call('GET', `/uploads/${uploadId}`)
      const missing = parts.map((part) => part.number)
      const last = missing.length < 100 ? part_count : missing.at(-1)
      const numbers = Array.from({ length: last }, (_, index) => index + 1)
      const arrived = numbers.filter((number) => !missing.includes(number))
      return arrived.map((number) => ({ PartNumber: number, ETag: '' }))
    },
    async completeMultipartUpload(file, { uploadId }) {
      const { photo } = await call('POST', `/uploads/${uploadId}/complete`)
      return { location: photo.filename, photo }
    },
    abortMultipartUpload: (file, { uploadId }) => call('DELETE', `/uploads/${uploadId}`),
  }
}
