import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/session'
import type { Auction, AuctionPage } from '../api/types'
import { moneyInput, parseMoney } from '../lib/format'
import { t } from '../lib/i18n'
import { navigate } from '../lib/router'
import { Field, Form } from '../ui/form'
import { explain, toast } from '../ui/notes'
import { Page } from '../ui/page'
import { sendPicture } from './picture'

const DURATIONS = [10, 60, 360, 1440, 4320, 10_080] as const
const DEFAULT_DURATION = 1440
/** Shown until an auction of the service says which currency it uses. */
const USUAL_CURRENCY = 'EUR'

export function NewAuction() {
  const [currency, setCurrency] = useState(USUAL_CURRENCY)
  const [wrong, setWrong] = useState<string>()
  useEffect(() => {
    api<AuctionPage>('/auctions', { query: { limit: 1 } }).then(
      ({ auctions }) => setCurrency(auctions[0]?.currency ?? USUAL_CURRENCY),
      // Then only the label may name the wrong currency.
      () => undefined,
    )
  }, [])

  const create = async ({ title = '', description = '', price = '', duration = '' }: Record<string, string>) => {
    setWrong(undefined)
    const starting_price = price.trim() ? parseMoney(price, currency) : 0
    if (starting_price === null) {
      setWrong(t('bid.unreadable', { example: moneyInput(500, currency) }))
      return
    }
    const picture = (document.getElementById('picture') as HTMLInputElement | null)?.files?.[0]
    const auction = await api<Auction>('/auctions', {
      method: 'POST',
      body: {
        title,
        ...(description.trim() ? { description } : {}),
        starting_price,
        duration_minutes: Number(duration),
      },
    })
    if (picture) {
      await sendPicture(auction.id, picture).catch((error) => {
        toast(`${t('newAuction.pictureFailed')} ${explain(error)}`, { bad: true })
      })
    }
    navigate(`/auctions/${auction.id}`, { replace: true })
  }

  return (
    <Page title={t('newAuction.title')} narrow>
      <Form submit={t('newAuction.submit')} run={create}>
        {(errors) => (
          <>
            <Field label={t('newAuction.name')} name="title" required maxLength={100} error={errors.title} />
            <div class="field">
              <label for="description">{t('newAuction.description')}</label>
              <textarea id="description" name="description" maxLength={2000} rows={5} />
              {errors.description && <p class="wrong">{errors.description}</p>}
            </div>
            <Field
              label={t('newAuction.price', { currency })}
              name="price"
              inputMode="decimal"
              error={wrong ?? errors.starting_price}
            />
            <div class="field">
              <label for="duration">{t('newAuction.duration')}</label>
              <select id="duration" name="duration">
                {DURATIONS.map((minutes) => (
                  <option key={minutes} value={minutes} selected={minutes === DEFAULT_DURATION}>
                    {t(`duration.${minutes}`)}
                  </option>
                ))}
              </select>
            </div>
            <div class="field">
              <label for="picture">{t('newAuction.picture')}</label>
              <input type="file" id="picture" accept="image/*" />
            </div>
          </>
        )}
      </Form>
    </Page>
  )
}
