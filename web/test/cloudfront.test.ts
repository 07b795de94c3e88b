import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

// What Terraform makes of modules/web/functions: CloudFront calls `handler` for each request or response.
const folder = new URL('../../modules/web/functions/', import.meta.url)

interface Message {
  uri?: string
  headers?: Record<string, { value: string }>
}

function call(file: string, event: { request?: Message; response?: Message }, before = ''): Message {
  const code = readFileSync(new URL(file, folder), 'utf8')
  return new Function('event', `${before}\n${code}\nreturn handler(event)`)(event)
}

test.each([
  ['/', '/index.html'],
  ['/index.html', '/index.html'],
  ['/photos/20261121T101500123Z_cat.jpg', '/index.html'],
  ['/auctions/new', '/index.html'],
  ['/assets', '/index.html'],
  ['/assets/index-Bk3x.js', '/assets/index-Bk3x.js'],
])('%s is served from %s', (path, key) => {
  expect(call('page.js', { request: { uri: path } }).uri).toBe(key)
})

test('no file is outside of assets, where the page would hide it', () => {
  const copied = new URL('../public/', import.meta.url)
  expect(existsSync(copied) ? readdirSync(copied) : []).toEqual([])
})

test.each([
  ['/api/login', '/login'],
  ['/api/photos/a.jpg', '/photos/a.jpg'],
  ['/api/', '/'],
])('the gateway gets %s as %s', (path, forwarded) => {
  expect(call('api.js', { request: { uri: path } }).uri).toBe(forwarded)
})

test('files have the headers beside those of the bucket', () => {
  const response = { headers: { 'cache-control': { value: 'no-cache' } } }
  const { headers } = call('headers.js', { response }, `const HEADERS = {"x-frame-options": "DENY"}`)
  expect(headers).toEqual({ 'cache-control': { value: 'no-cache' }, 'x-frame-options': { value: 'DENY' } })
})
