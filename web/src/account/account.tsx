import { useEffect, useState } from 'preact/hooks'
import { Problem } from '../api/http'
import { api, authorized, logOut } from '../api/session'
import type { Me } from '../api/types'
import { bytes } from '../lib/format'
import { LANGUAGES, type Language, language, setLanguage, t } from '../lib/i18n'
import { setTheme, THEMES, type Theme, theme } from '../lib/theme'
import { Field, Form } from '../ui/form'
import { Failure, Loading, Note, toast } from '../ui/notes'
import { Page } from '../ui/page'
import { CodeField } from './fields'
import { SetupKey } from './setup_key'

export function Account() {
  const [me, setMe] = useState<Me>()
  const [error, setError] = useState<unknown>()
  const load = () => {
    setError(undefined)
    api<Me>('/me').then(setMe, setError)
  }
  useEffect(load, [])
  return (
    <Page title={t('account.title')}>
      <Failure error={error} retry={load} />
      {!me && !error && <Loading />}
      {me && (
        <>
          <Profile me={me} changed={setMe} />
          <Space me={me} />
        </>
      )}
      <Appearance />
      <SecondFactor />
      <section>
        <h2>{t('account.leave')}</h2>
        <button type="button" onClick={leave}>
          {t('account.logout')}
        </button>
      </section>
    </Page>
  )
}

/** Logs out on this device in any case, and tells the user if the service could not be reached. */
export function leave(): void {
  logOut().catch(() => toast(t('account.logoutUnheard'), { bad: true }))
}

function Profile({ me, changed }: { me: Me; changed: (me: Me) => void }) {
  return (
    <section>
      <h2>{t('account.profile')}</h2>
      <dl class="facts">
        <dt>{t('account.username')}</dt>
        <dd>{me.user}</dd>
        <dt>{t('account.handle')}</dt>
        <dd>{me.handle}</dd>
        <dt>{t('account.email')}</dt>
        <dd>{me.email ?? '–'}</dd>
      </dl>
      <Form
        submit={t('account.save')}
        run={async ({ display_name = '' }) => {
          const wanted = { display_name: display_name.trim() || null }
          changed(await api<Me>('/me', { method: 'PUT', body: wanted }))
          toast(t('account.saved'))
        }}
      >
        {(errors) => (
          <Field
            label={t('account.displayName')}
            name="display_name"
            autocomplete="name"
            maxLength={100}
            defaultValue={me.display_name ?? ''}
            error={errors.display_name}
          />
        )}
      </Form>
    </section>
  )
}

function Space({ me: { quota, images } }: { me: Me }) {
  const text = t('account.spaceUsed', { used: bytes(quota.used + quota.reserved), all: bytes(quota.bytes) })
  return (
    <section>
      <h2 id="space">{t('account.space')}</h2>
      <meter
        aria-labelledby="space"
        min={0}
        max={quota.bytes}
        high={quota.bytes * 0.9}
        value={quota.used + quota.reserved}
      >
        {text}
      </meter>
      <p>{text}</p>
      <p>{t('account.photos', { n: images.count, all: quota.photos })}</p>
    </section>
  )
}

function Appearance() {
  return (
    <section>
      <h2>{t('account.appearance')}</h2>
      <div class="field">
        <label for="language">{t('account.language')}</label>
        <select id="language" value={language.value} onChange={(e) => setLanguage(e.currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="theme">{t('account.theme')}</label>
        <select id="theme" value={theme.value} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t(`theme.${name}`)}
            </option>
          ))}
        </select>
      </div>
    </section>
  )
}

/**
 * The API does not say whether the second factor is on, except by refusing to set it up again. So one button serves
 * both purposes.
 */
function SecondFactor() {
  const [setup, setSetup] = useState<{ secret: string; uri: string }>()
  const [state, setState] = useState<'unknown' | 'on' | 'off'>('unknown')
  const [error, setError] = useState<unknown>()

  const start = async () => {
    setError(undefined)
    try {
      const { data } = await authorized<{ secret: string; uri: string }>('/me/mfa', { method: 'POST' }, 'access')
      setSetup(data)
    } catch (failure) {
      if (failure instanceof Problem && failure.kind === 'mfa-active') setState('on')
      else setError(failure)
    }
  }

  return (
    <section>
      <h2>{t('mfa.setupTitle')}</h2>
      <p>{t('mfa.about')}</p>
      {state === 'on' && <Note kind="good">{t('mfa.isOn')}</Note>}
      {state === 'off' && <Note>{t('mfa.isOff')}</Note>}
      <Failure error={error} />
      {setup && state !== 'on' && (
        <>
          <SetupKey {...setup} />
          <Form
            submit={t('mfa.turnOn')}
            run={async ({ code = '' }) => {
              await authorized('/me/mfa/confirm', { method: 'POST', body: { code } }, 'access')
              setState('on')
              setSetup(undefined)
            }}
          >
            {(errors) => <CodeField label={t('mfa.code')} error={errors.code} />}
          </Form>
        </>
      )}
      {!setup && state !== 'on' && (
        <button type="button" onClick={start}>
          {t('mfa.setUp')}
        </button>
      )}
      {state === 'on' && (
        <Form
          submit={t('mfa.turnOff')}
          run={async ({ code = '' }) => {
            await authorized('/me/mfa', { method: 'DELETE', body: { code } }, 'access')
            setState('off')
          }}
        >
          {(errors) => <CodeField label={t('mfa.code')} error={errors.code} />}
        </Form>
      )}
    </section>
  )
}
