import { t } from '../lib/i18n'
import { Field } from '../ui/form'

interface Props {
  /** What the API says about this member. */
  error: string | undefined
}

export function UsernameField({ error, hint }: Props & { hint?: string }) {
  return (
    <Field
      label={t('account.username')}
      name="username"
      autocomplete="username"
      autocapitalize="none"
      spellcheck={false}
      required
      maxLength={128}
      error={error}
      {...(hint ? { hint } : {})}
    />
  )
}

/** The user name is hidden, but a password manager needs it. */
export function NewPasswordFields({ username, error }: Props & { username: string }) {
  return (
    <>
      <input class="hidden" name="username" autocomplete="username" value={username} tabIndex={-1} aria-hidden="true" />
      <Field
        label={t('account.newPassword')}
        name="new_password"
        type="password"
        autocomplete="new-password"
        hint={t('account.passwordHint')}
        required
        error={error}
      />
    </>
  )
}

export function CodeField({ label, error }: Props & { label: string }) {
  return <Field label={label} name="code" inputMode="numeric" autocomplete="one-time-code" required error={error} />
}
