import { useState } from 'preact/hooks'
import { Problem } from '../api/http'
import { logIn, sessionEnded } from '../api/session'
import { t } from '../lib/i18n'
import { lazy } from '../lib/lazy'
import { navigate } from '../lib/router'
import { Field, Form } from '../ui/form'
import { Note } from '../ui/notes'
import { Page } from '../ui/page'
import { CodeField, NewPasswordFields, UsernameField } from './fields'

// The QR code's encoder is not needed to log in.
const SetupKey = lazy<{ secret: string; uri: string }>(() => import('./setup_key').then((module) => module.SetupKey))

type Step =
  | { name: 'password' }
  | { name: 'new-password'; username: string; session: string }
  | { name: 'code'; username: string; session: string }
  | { name: 'setup'; username: string; session: string; secret: string; uri: string }

/** Log-in with all that it may ask for: a new password, and a code of the authenticator app. */
export function Login() {
  const [step, setStep] = useState<Step>({ name: 'password' })

  const attempt = async (path: string, body: Record<string, string>) => {
    try {
      await logIn(path, body)
    } catch (error) {
      const next = error instanceof Problem ? nextStep(error, body.username ?? '') : null
      if (next) setStep(next)
      else if (error instanceof Problem && error.kind === 'not-confirmed') {
        navigate(`/confirm?username=${encodeURIComponent(body.username ?? '')}`)
      } else throw error
    }
  }

  if (step.name === 'new-password') return <NewPassword key="new-password" step={step} attempt={attempt} />
  if (step.name === 'code') return <Code key="code" step={step} attempt={attempt} />
  if (step.name === 'setup') return <Setup key="setup" step={step} attempt={attempt} />
  return (
    <Page key="password" title={t('login.title')} narrow>
      {sessionEnded.value && <Note>{t('login.ended')}</Note>}
      <Form
        submit={t('login.submit')}
        run={({ username = '', password = '' }) => attempt('/login', { username, password })}
      >
        {(errors) => (
          <>
            <UsernameField error={errors.username} />
            <Field
              label={t('account.password')}
              name="password"
              type="password"
              autocomplete="current-password"
              required
              error={errors.password}
            />
          </>
        )}
      </Form>
      <p class="links">
        <a href="/forgot">{t('login.forgot')}</a>
        <a href="/signup">{t('login.signup')}</a>
      </p>
    </Page>
  )
}

function nextStep(problem: Problem, username: string): Step | null {
  const { session, secret, uri } = problem.body
  if (typeof session !== 'string') return null
  if (problem.kind === 'new-password-due') return { name: 'new-password', username, session }
  if (problem.kind === 'mfa-required') return { name: 'code', username, session }
  if (problem.kind === 'mfa-setup-due' && typeof secret === 'string' && typeof uri === 'string') {
    return { name: 'setup', username, session, secret, uri }
  }
  return null
}

interface StepProps<Name> {
  step: Extract<Step, { name: Name }>
  attempt: (path: string, body: Record<string, string>) => Promise<void>
}

function NewPassword({ step: { username, session }, attempt }: StepProps<'new-password'>) {
  return (
    <Page title={t('newPassword.title')} narrow>
      <p>{t('newPassword.why')}</p>
      <Form
        submit={t('newPassword.submit')}
        run={({ new_password = '' }) => attempt('/login/new_password', { username, session, new_password })}
      >
        {(errors) => <NewPasswordFields username={username} error={errors.new_password} />}
      </Form>
    </Page>
  )
}

function Code({ step: { username, session }, attempt }: StepProps<'code'>) {
  return (
    <Page title={t('mfa.title')} narrow>
      <p>{t('mfa.enter')}</p>
      <Form submit={t('login.submit')} run={({ code = '' }) => attempt('/login/mfa', { username, session, code })}>
        {(errors) => <CodeField label={t('mfa.code')} error={errors.code} />}
      </Form>
    </Page>
  )
}

function Setup({ step: { username, session, secret, uri }, attempt }: StepProps<'setup'>) {
  return (
    <Page title={t('mfa.setupTitle')} narrow>
      <p>{t('mfa.required')}</p>
      <SetupKey secret={secret} uri={uri} />
      <Form
        submit={t('login.submit')}
        run={({ code = '' }) => attempt('/login/mfa/setup', { username, session, code })}
      >
        {(errors) => <CodeField label={t('mfa.code')} error={errors.code} />}
      </Form>
    </Page>
  )
}
