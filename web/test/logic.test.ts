import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ServerClock } from '../src/api/clock'
import { zoomedAt } from '../src/gallery/zoom'
import { bytes, clock, money, moneyInput, originalName, parseMoney, place } from '../src/lib/format'
import { language, locale } from '../src/lib/i18n'
import { match } from '../src/lib/router'
import { hidden, isArchive } from '../src/upload/files'
import {
  fingerprint,
  forget,
  forgetArrived,
  MOST_ITEMS,
  recall,
  recallArrived,
  remember,
  rememberArrived,
  tidyArrived,
} from '../src/upload/memory'
import { Rate } from '../src/upload/rate'

beforeEach(() => {
  language.value = 'en'
  localStorage.clear()
})

describe("the server's clock", () => {
  const header = (time: number) => new Date(time).toUTCString()

  test('becomes exact although the header has whole seconds', () => {
    const server = new ServerClock()
    const ahead = 90_300
    for (let now = 1_000_000_000_000; now < 1_000_000_010_000; now += 730) {
      server.observe(header(Math.floor((now + ahead) / 1000) * 1000), now, now)
    }
    expect(server.at(0)).toBeGreaterThan(ahead - 200)
    expect(server.at(0)).toBeLessThan(ahead + 200)
  })

  test('is ours before the first response, and after one without the header', () => {
    const server = new ServerClock()
    server.observe(null, 5, 6)
    expect(server.at(1234)).toBe(1234)
  })

  test('follows when our own clock is set', () => {
    const server = new ServerClock()
    const real = 1_000_000_000_000
    server.observe(header(real), real, real)
    server.observe(header(real + 1000), real + 1000 - 3_600_000, real + 1000 - 3_600_000)
    expect(server.at(0)).toBeGreaterThan(3_599_000)
  })
})

describe('the rate', () => {
  test('is that of the last ten seconds', () => {
    const rate = new Rate()
    for (let second = 0; second <= 60; second += 1) rate.observe(second < 40 ? 0 : (second - 40) * 500, second * 1000)
    expect(rate.perSecond).toBe(500)
    expect(rate.secondsFor(5000)).toBe(10)
  })

  test('is unknown at first, and begins anew after a file was taken away', () => {
    const rate = new Rate()
    rate.observe(1000, 0)
    expect(rate.secondsFor(1)).toBeNull()
    rate.observe(2000, 1000)
    rate.observe(500, 2000)
    expect(rate.perSecond).toBeNull()
  })
})

describe('what is remembered of uploads', () => {
  const day = 86_400_000
  const file = (name: string, text = 'x', lastModified = 1) => ({ name, size: text.length, lastModified }) as File

  test('is found again for the same file of the same user only', async () => {
    const print = await fingerprint('ann', file('a.jpg'), 'a.jpg')
    expect(await fingerprint('ann', file('a.jpg'), 'a.jpg')).toBe(print)
    for (const other of [
      fingerprint('bob', file('a.jpg'), 'a.jpg'),
      fingerprint('ann', file('a.jpg'), 'holiday/a.jpg'),
      fingerprint('ann', file('a.jpg', 'xy'), 'a.jpg'),
      fingerprint('ann', file('a.jpg', 'x', 2), 'a.jpg'),
    ]) {
      expect(await other).not.toBe(print)
    }
  })

  test('shows no file name to the next user of the computer', async () => {
    const print = await fingerprint('ann', file('secret-party.jpg'), 'secret-party.jpg')
    remember(print, { key: 'k', id: 'u' })
    expect(localStorage.getItem('yourplace.uploads')).not.toContain('secret')
  })

  test('is kept as long as the upload or its key lasts', () => {
    remember('with-id', { key: 'k', id: 'u' }, 0)
    remember('key-only', { key: 'k', id: null }, 0)
    expect(recall('key-only', day - 1)?.key).toBe('k')
    expect(recall('key-only', day)).toBeNull()
    expect(recall('with-id', 7 * day - 1)?.id).toBe('u')
    expect(recall('with-id', 7 * day)).toBeNull()
  })

  test('has files that have arrived for a day', () => {
    rememberArrived('old', 'u-1', 0)
    rememberArrived('new', 'u-2', 5)
    expect(recallArrived('old', day - 1)).toBe('u-1')
    expect(recallArrived('old', day)).toBeNull()
    tidyArrived(day)
    expect(localStorage.length).toBe(1)
    forgetArrived('new')
    expect(recallArrived('new', 6)).toBeNull()
  })

  test('has room for everything else', () => {
    for (let number = 0; number < MOST_ITEMS; number += 1) rememberArrived(`${number}`, 'u', 0)
    rememberArrived('one too many', 'u', day - 1)
    expect(recallArrived('one too many', day - 1)).toBeNull()
    rememberArrived('next day', 'u', day)
    expect(recallArrived('next day', day)).toBe('u')
    expect(localStorage.length).toBe(1)
  })

  test('does without an item if the storage is full', () => {
    const full = vi.spyOn(localStorage, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    rememberArrived('one', 'u-1')
    full.mockRestore()
    expect(recallArrived('one')).toBeNull()
  })

  test('is gone once it is forgotten, and others stay', () => {
    remember('one', { key: '1', id: null })
    remember('two', { key: '2', id: null })
    forget('one')
    expect(recall('one')).toBeNull()
    expect(recall('two')?.key).toBe('2')
  })

  test('survives a text that somebody else wrote', () => {
    localStorage.setItem('yourplace.uploads', '{nonsense')
    expect(recall('one')).toBeNull()
  })
})

describe('files', () => {
  test('of the system are left out of a folder', () => {
    expect(['a/.DS_Store', '__MACOSX/a.jpg', 'b/Thumbs.db', '.git/x.jpg'].map(hidden)).toEqual([true, true, true, true])
    expect(hidden('holiday/a.b.jpg')).toBe(false)
  })

  test('are archives by their first bytes and not by their names', async () => {
    const archive = async (...start: number[]) => isArchive(new File([new Uint8Array(start)], 'photo.jpg'))
    expect(await archive(0x50, 0x4b, 3, 4, 20)).toBe(true)
    expect(await archive(0x50, 0x4b, 5, 6)).toBe(true)
    expect(await archive(0xff, 0xd8, 0xff, 0xe0)).toBe(false)
    expect(await archive(0x50, 0x4b)).toBe(false)
  })
})

describe('zoom', () => {
  test('keeps the point under the pointer in place', () => {
    const before = zoomedAt({ scale: 1, x: 0, y: 0 }, 2, 0, 0)
    const after = zoomedAt(before, 1.5, 120, -40)
    const under = (zoom: typeof before) => [(120 - zoom.x) / zoom.scale, (-40 - zoom.y) / zoom.scale]
    expect(under(after)[0]).toBeCloseTo(under(before)[0] ?? 0)
    expect(under(after)[1]).toBeCloseTo(under(before)[1] ?? 0)
  })

  test('is bounded, and back in place when it ends', () => {
    expect(zoomedAt({ scale: 7, x: 5, y: 5 }, 4, 10, 10).scale).toBe(8)
    expect(zoomedAt({ scale: 2, x: 50, y: 5 }, 0.1, 10, 10)).toEqual({ scale: 1, x: 0, y: 0 })
  })
})

describe('money', () => {
  test('is read with a point and with a comma, to the cent', () => {
    expect(['12', '12.5', '12,50', ' 0.01 ', '19.99'].map((text) => parseMoney(text, 'EUR'))).toEqual([
      1200, 1250, 1250, 1, 1999,
    ])
  })

  test('that is none is refused rather than guessed', () => {
    const texts = ['', 'ten', '1.000,50', '1,234.50', '0.001', '-5', '1e3', '5 €', '12345678901234']
    expect(texts.map((text) => parseMoney(text, 'EUR'))).toEqual(texts.map(() => null))
  })

  test('has the digits of its currency', () => {
    expect(parseMoney('500', 'JPY')).toBe(500)
    expect(parseMoney('500.5', 'JPY')).toBeNull()
    expect(money(500, 'JPY')).toContain('500')
  })

  test('is shown and typed as the language does', () => {
    expect(moneyInput(1250, 'EUR')).toBe('12.50')
    language.value = 'de'
    expect(moneyInput(1250, 'EUR')).toBe('12,50')
    expect(money(125_050, 'EUR')).toBe('1.250,50\u00a0€')
  })
})

describe('texts of values', () => {
  test('sizes', () => {
    expect([bytes(999), bytes(1500), bytes(4_194_304), bytes(53_687_091_200)]).toEqual([
      '999 bytes',
      '1.5 kB',
      '4.2 MB',
      '54 GB',
    ])
  })

  test('the time left', () => {
    expect([clock(5), clock(65), clock(3661), clock(-3), clock(90_061)]).toEqual([
      '0:05',
      '1:05',
      '1:01:01',
      '0:00',
      '1 day 01:01:01',
    ])
  })

  test('a place, with the letters of the language', () => {
    expect(place(52.52, 13.405)).toBe('52.52000° N, 13.40500° E')
    expect(place(-33.9, -18)).toBe('33.90000° S, 18.00000° W')
    language.value = 'de'
    expect(place(52.52, 13.405)).toBe('52,52000° N, 13,40500° O')
  })

  test('the name of a photo without its time', () => {
    expect(originalName('20261121T101500123Z_cat_1.jpg')).toBe('cat_1.jpg')
  })

  test('use the region of the browser where it fits the language', () => {
    language.value = 'de'
    expect(locale.value.startsWith('de')).toBe(true)
  })
})

describe('a path', () => {
  test('gives the decoded parts of its pattern', () => {
    expect(match('/photos/:filename', '/photos/a%2Fb%20%F0%9F%8F%96.jpg')).toEqual({ filename: 'a/b 🏖.jpg' })
    expect(match('/jobs/:id', '/jobs/7/')).toEqual({ id: '7' })
  })

  test('that does not match gives nothing', () => {
    expect(match('/jobs/:id', '/jobs')).toBeNull()
    expect(match('/jobs/:id', '/jobs/')).toBeNull()
    expect(match('/jobs/:id', '/auctions/7')).toBeNull()
    expect(match('/photos/:filename', '/photos/%E0%A4%A')).toBeNull()
  })
})
