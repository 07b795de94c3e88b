import { useState } from 'preact/hooks'
import { request } from '../api/http'
import { t } from '../lib/i18n'
import { navigate, query } from '../lib/router'
import { Field, Form } from '../ui/form'
import { toast } from '../ui/notes'
import { Page } from '../ui/page'
import { CodeField, NewPasswordFields, UsernameField } from './fields'

export function Signup() {
  return (
    <Page title={t('signup.title')} narrow>
      <Form
        submit={t('signup.submit')}
        run={async ({ username = '', email = '', password = '' }) => {
          const { data } = await request<{ confirmed: boolean }>('/signup', {
            method: 'POST',
            body: { username, email, password },
          })
          navigate(data.confirmed ? '/login' : `/confirm?username=${encodeURIComponent(username)}`)
        }}
      >
        {(errors) => (
          <>
            <UsernameField hint={t('signup.usernameHint')} error={errors.username} />
            <Field
              label={t('account.email')}
              name="email"
              type="email"
              autocomplete="email"
              required
              error={errors.email}
            />
            <Field
              label={t('account.password')}
              name="password"
              type="password"
              autocomplete="new-password"
              hint={t('account.passwordHint')}
              required
              error={errors.password}
            />
          </>
        )}
      </Form>
      <p class="links">
        <a href="/login">{t('signup.login')}</a>
      </p>
    </Page>
  )
}

export function Confirm() {
  const [username] = useState(query.value.get('username') ?? '')
  return (
    <Page title={t('confirm.title')} narrow>
      <p>{t('confirm.why')}</p>
      <Form
        submit={t('confirm.submit')}
        run={async (values) => {
          const name = username || (values.username ?? '')
          await request('/confirm', { method: 'POST', body: { username: name, code: values.code } })
          toast(t('confirm.done'))
          navigate('/login')
        }}
      >
        {(errors) => (
          <>
            {!username && <UsernameField error={errors.username} />}
            <CodeField label={t('account.code')} error={errors.code} />
          </>
        )}
      </Form>
      {username && (
        <p class="links">
          <button
            type="button"
            class="link"
            onClick={async () => {
              const sent = request('/confirm/resend', { method: 'POST', body: { username } })
              await sent.then(
                () => toast(t('confirm.resent')),
                () => toast(t('error.busy'), { bad: true }),
              )
            }}
          >
            {t('confirm.resend')}
          </button>
        </p>
      )}
    </Page>
  )
}

/** Two steps: ask for a code by email, then set a new password with it. */
export function Forgot() {
  const [username, setUsername] = useState<string | null>(null)
  if (username === null) {
    return (
      <Page key="ask" title={t('forgot.title')} narrow>
        <p>{t('forgot.why')}</p>
        <Form
          submit={t('forgot.submit')}
          run={async ({ username: name = '' }) => {
            await request('/password/forgot', { method: 'POST', body: { username: name } })
            setUsername(name)
          }}
        >
          {(errors) => <UsernameField error={errors.username} />}
        </Form>
        <p class="links">
          <a href="/login">{t('signup.login')}</a>
        </p>
      </Page>
    )
  }
  return (
    <Page key="reset" title={t('reset.title')} narrow>
      <p>{t('reset.why')}</p>
      <Form
        submit={t('reset.submit')}
        run={async ({ code = '', new_password = '' }) => {
          await request('/password/reset', { method: 'POST', body: { username, code, new_password } })
          toast(t('reset.done'))
          navigate('/login')
        }}
      >
        {(errors) => (
          <>
            <CodeField label={t('account.code')} error={errors.code} />
            <NewPasswordFields username={username} error={errors.new_password} />
          </>
        )}
      </Form>
    </Page>
  )
}
