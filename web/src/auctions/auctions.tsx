import { useEffect, useState } from 'preact/hooks'
import { serverClock } from '../api/clock'
import { Problem } from '../api/http'
import { api, authorized } from '../api/session'
import type { Auction, AuctionPage, Me } from '../api/types'
import { clock, dateTime, money, moneyInput, parseMoney } from '../lib/format'
import { t } from '../lib/i18n'
import { usePolling } from '../lib/polling'
import { Field, Form } from '../ui/form'
import { Icon } from '../ui/icons'
import { Empty, Failure, Loading, Note, toast } from '../ui/notes'
import { Page } from '../ui/page'
import { pickPicture, sendPicture } from './picture'

const LIST_MS = 10_000
const ONE_MS = 3000
type Status = 'OPEN' | 'CLOSED'

export function Auctions() {
  const [status, setStatus] = useState<Status>('OPEN')
  const [page, setPage] = useState<{ status: Status; auctions: Auction[]; cursor: string | null }>()
  const [error, setError] = useState<unknown>()
  const poll = usePolling(
    async (signal) => {
      try {
        const first = await api<AuctionPage>('/auctions', { query: { status, limit: 100 }, signal })
        setPage({ status, auctions: first.auctions, cursor: first.cursor })
        setError(undefined)
      } catch (failure) {
        if (!signal.aborted) setError(failure)
      }
      return LIST_MS
    },
    [status],
  )
  const more = async () => {
    if (!page?.cursor) return
    try {
      const next = await api<AuctionPage>('/auctions', { query: { status, limit: 100, cursor: page.cursor } })
      setPage({ ...page, auctions: [...page.auctions, ...next.auctions], cursor: next.cursor })
    } catch (failure) {
      setError(failure)
    }
  }
  const shown = page?.status === status ? page : undefined
  return (
    <Page
      title={t('auctions.title')}
      actions={
        <a class="button primary" href="/auctions/new">
          <Icon name="plus" /> {t('auctions.new')}
        </a>
      }
    >
      <fieldset class="filters" aria-label={t('auctions.filter')}>
        {(['OPEN', 'CLOSED'] as const).map((value) => (
          <button key={value} type="button" aria-pressed={status === value} onClick={() => setStatus(value)}>
            {t(value === 'OPEN' ? 'auctions.open' : 'auctions.closed')}
          </button>
        ))}
      </fieldset>
      <Failure error={error} retry={poll} />
      {!shown && !error && <Loading />}
      {shown?.auctions.length === 0 && (
        <Empty title={t(status === 'OPEN' ? 'auctions.empty' : 'auctions.noneClosed')}>
          {status === 'OPEN' && <p>{t('auctions.how')}</p>}
        </Empty>
      )}
      <ul class="cards auctions">
        {shown?.auctions.map((auction) => (
          <li key={auction.id} class="card">
            <Picture auction={auction} />
            <h2>
              <a href={`/auctions/${auction.id}`}>{auction.title}</a>
            </h2>
            <p>
              <Price auction={auction} />
            </p>
            <p class="hint">
              <Countdown auction={auction} />
            </p>
          </li>
        ))}
      </ul>
      {shown?.cursor && (
        <button type="button" onClick={more}>
          {t('action.more')}
        </button>
      )}
    </Page>
  )
}

function Picture({ auction, large = false }: { auction: Auction; large?: boolean }) {
  const alt = large ? t('auction.picture', { title: auction.title }) : ''
  return (
    <div class={`auction-picture ${large ? 'large' : ''}`}>
      {auction.picture_url ? <img src={auction.picture_url} alt={alt} loading="lazy" /> : <Icon name="photo" />}
    </div>
  )
}

function Price({ auction: { highest_bid: bid, starting_price, currency } }: { auction: Auction }) {
  if (bid) return <strong>{money(bid.amount, currency)}</strong>
  return <>{t('auction.from', { amount: money(Math.max(1, starting_price), currency) })}</>
}

/** The time left, by the server's clock. Screen readers get the time of the end, since a clock would never be quiet. */
function Countdown({ auction, ended }: { auction: Auction; ended?: () => void }) {
  const [, tick] = useState(0)
  const end = new Date(auction.ending_at)
  const left = (end.getTime() - serverClock.at(Date.now())) / 1000
  const over = auction.status === 'CLOSED' || left <= 0
  useEffect(() => {
    if (over) {
      ended?.()
      return
    }
    const timer = setInterval(() => tick((count) => count + 1), 1000)
    return () => clearInterval(timer)
  }, [over])
  if (over) return <span>{t('auction.over', { time: dateTime(end) })}</span>
  return (
    <>
      <span aria-hidden="true">{t('auction.left', { time: clock(left) })}</span>
      <span class="hidden">{t('auction.ends', { time: dateTime(end) })}</span>
    </>
  )
}

/** One auction. It is fetched again every few seconds. With an ETag, most responses say that nothing has changed. */
export function AuctionDetails({ id }: { id: string }) {
  const [auction, setAuction] = useState<Auction>()
  const [me, setMe] = useState<string>()
  const [error, setError] = useState<unknown>()
  const [etag, setEtag] = useState<{ current: string | null }>({ current: null })
  const poll = usePolling(
    async (signal) => {
      try {
        const headers: Record<string, string> = etag.current ? { 'If-None-Match': etag.current } : {}
        const answer = await authorized<Auction>(`/auctions/${id}`, { headers, signal })
        if (answer.status !== 304) setAuction(answer.data)
        etag.current = answer.etag ?? etag.current
        setError(undefined)
        return answer.status !== 304 && answer.data.status === 'CLOSED' ? null : ONE_MS
      } catch (failure) {
        if (signal.aborted) return null
        setError(failure)
        return failure instanceof Problem && failure.status === 404 ? null : ONE_MS * 2
      }
    },
    [id],
  )
  useEffect(() => {
    api<Me>('/me').then(({ handle }) => setMe(handle), setError)
  }, [])
  const changed = (fresh: Auction) => {
    setEtag({ current: null })
    setAuction(fresh)
  }
  if (!auction) {
    return (
      <Page title={t('auction.one')}>
        <Failure error={error} retry={poll} />
        {!error && <Loading />}
      </Page>
    )
  }
  const mine = auction.seller === me
  const leading = auction.highest_bid?.bidder === me
  return (
    <Page title={auction.title}>
      <p>
        <a href="/auctions">{t('auction.back')}</a>
      </p>
      <Failure error={error} />
      <div class="auction">
        <Picture auction={auction} large />
        <div>
          <p class="price">
            <Price auction={auction} />
          </p>
          <p>
            <Countdown auction={auction} ended={poll} />
          </p>
          <dl class="facts">
            <dt>{t('auction.seller')}</dt>
            <dd>{mine ? t('auction.you') : auction.seller}</dd>
            <dt>{t('auction.highest')}</dt>
            <dd aria-live="polite">
              {auction.highest_bid
                ? t('auction.bid', {
                    amount: money(auction.highest_bid.amount, auction.currency),
                    bidder: leading ? t('auction.you') : auction.highest_bid.bidder,
                  })
                : t('auction.none')}
            </dd>
          </dl>
          {auction.description && <p class="description">{auction.description}</p>}
          {auction.status === 'OPEN' && mine && <ChangePicture auction={auction} changed={changed} />}
          {auction.status === 'OPEN' && !mine && leading && <Note kind="good">{t('auction.leading')}</Note>}
          {auction.status === 'OPEN' && !mine && !leading && <Bid auction={auction} changed={changed} />}
          {auction.status === 'CLOSED' && leading && <Note kind="good">{t('auction.won')}</Note>}
        </div>
      </div>
    </Page>
  )
}

function Bid({ auction, changed }: { auction: Auction; changed: (auction: Auction) => void }) {
  const { currency } = auction
  const least = auction.highest_bid ? auction.highest_bid.amount + 1 : Math.max(1, auction.starting_price)
  const [wrong, setWrong] = useState<string>()
  const bid = async ({ amount: text = '' }: Record<string, string>) => {
    setWrong(undefined)
    const amount = parseMoney(text, currency)
    if (amount === null) {
      setWrong(t('bid.unreadable', { example: moneyInput(least, currency) }))
      return
    }
    try {
      changed(await api<Auction>(`/auctions/${auction.id}/bid`, { method: 'PATCH', body: { amount }, repeat: false }))
      toast(t('bid.done'))
    } catch (error) {
      const minimum = error instanceof Problem && error.kind === 'bid-too-low' ? error.body.minimum_amount : null
      if (typeof minimum !== 'number') throw error
      setWrong(t('bid.tooLow', { amount: money(minimum, currency) }))
    }
  }
  return (
    <Form submit={t('bid.submit')} run={bid}>
      {(errors) => (
        <Field
          label={t('bid.amount', { currency })}
          name="amount"
          inputMode="decimal"
          required
          hint={t('bid.least', { amount: money(least, currency) })}
          error={wrong ?? errors.amount}
        />
      )}
    </Form>
  )
}

function ChangePicture({ auction, changed }: { auction: Auction; changed: (auction: Auction) => void }) {
  const [error, setError] = useState<unknown>()
  const choose = async () => {
    setError(undefined)
    try {
      const file = await pickPicture()
      if (file) changed(await sendPicture(auction.id, file))
    } catch (failure) {
      setError(failure)
    }
  }
  return (
    <>
      <Failure error={error} />
      <button type="button" onClick={choose}>
        {t(auction.picture_url ? 'auction.changePicture' : 'auction.addPicture')}
      </button>
    </>
  )
}
