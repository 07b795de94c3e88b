import { encode } from 'uqr'
import { t } from '../lib/i18n'

/** The key for an authenticator app: as a QR code for the phone's camera, as a link, and to type. */
export function SetupKey({ secret, uri }: { secret: string; uri: string }) {
  const { data, size } = encode(uri)
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('')
  return (
    <div class="setup-key">
      <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('mfa.qr')}>
        <path d={path} />
      </svg>
      <p>
        {t('mfa.scan')} <a href={uri}>{t('mfa.open')}</a>
      </p>
      <p>
        {t('mfa.type')} <code class="secret">{secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
      </p>
    </div>
  )
}
