import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Login } from './account/login'
import { online } from './api/http'
import { session } from './api/session'
import { Gallery } from './gallery/gallery'
import type { Source } from './gallery/library'
import icon from './icon.svg'
import { type Key, t } from './lib/i18n'
import { lazy } from './lib/lazy'
import { match, navigate, path, query } from './lib/router'
import { Confirmation } from './ui/confirm'
import { Icon, type IconName } from './ui/icons'
import { Empty, Loading, Toasts } from './ui/notes'
import { Page } from './ui/page'
import { DropTarget } from './upload/drop'
import { Total, UploadPage } from './upload/upload'
import { active } from './upload/uploads'

const Account = lazy(() => import('./account/account').then((module) => module.Account))
const Signup = lazy(() => import('./account/signup').then((module) => module.Signup))
const Confirm = lazy(() => import('./account/signup').then((module) => module.Confirm))
const Forgot = lazy(() => import('./account/signup').then((module) => module.Forgot))
const Jobs = lazy(() => import('./jobs/jobs').then((module) => module.Jobs))
const JobPage = lazy<{ id: string }>(() => import('./jobs/jobs').then((module) => module.JobPage))
const Auctions = lazy(() => import('./auctions/auctions').then((module) => module.Auctions))
const AuctionDetails = lazy<{ id: string }>(() => import('./auctions/auctions').then((module) => module.AuctionDetails))
const NewAuction = lazy(() => import('./auctions/new').then((module) => module.NewAuction))

const NAVIGATION: [string, Key, IconName][] = [
  ['/', 'nav.photos', 'photo'],
  ['/favourites', 'nav.favourites', 'heart'],
  ['/upload', 'nav.upload', 'upload'],
  ['/auctions', 'nav.auctions', 'hammer'],
  ['/jobs', 'nav.jobs', 'jobs'],
  ['/trash', 'nav.trash', 'trash'],
  ['/account', 'nav.account', 'account'],
]
/** The pages of somebody who is not logged in. */
const OUTSIDE = ['/login', '/signup', '/confirm', '/forgot']

export function App() {
  const current = session.value
  if (current === undefined) return <Loading />
  return current ? <Inside /> : <Outside />
}

function Outside() {
  const pages: Record<string, ComponentChildren> = {
    '/signup': <Signup />,
    '/confirm': <Confirm />,
    '/forgot': <Forgot />,
  }
  // Any other address stays, so that it is shown after the log-in.
  return (
    <>
      <OfflineNote />
      <main id="main" class="outside">
        <p class="brand">
          <img src={icon} alt="" width="40" height="40" /> yourplace
        </p>
        {pages[path.value] ?? <Login />}
      </main>
      <Toasts />
    </>
  )
}

function Inside() {
  const here = path.value
  useEffect(() => {
    if (OUTSIDE.includes(here)) navigate('/', { replace: true })
  }, [here])
  return (
    <>
      <a class="skip" href="#main">
        {t('nav.skip')}
      </a>
      <nav class="side" aria-label={t('nav.label')}>
        <p class="brand">
          <img src={icon} alt="" width="28" height="28" /> <span>yourplace</span>
        </p>
        <ul>
          {NAVIGATION.map(([to, key, icon]) => (
            <li key={to}>
              <a href={to} {...(section(here) === to ? { 'aria-current': 'page' as const } : {})}>
                <Icon name={icon} /> <span>{t(key)}</span>
              </a>
            </li>
          ))}
        </ul>
        {active.value && here !== '/upload' && (
          <a class="side-total" href="/upload">
            <Total />
          </a>
        )}
      </nav>
      <main id="main" tabIndex={-1}>
        <OfflineNote />
        <View here={here} />
      </main>
      <DropTarget />
      <Confirmation />
      <Toasts />
    </>
  )
}

/** The entry of the navigation that a path belongs to. */
function section(here: string): string {
  if (here.startsWith('/photos/')) return homeOf(source())
  return `/${here.split('/')[1]}`
}

function source(): Source {
  const asked = query.value.get('in')
  return asked === 'trash' || asked === 'favourites' ? asked : 'all'
}

function homeOf(from: Source): string {
  return from === 'all' ? '/' : `/${from}`
}

function View({ here }: { here: string }) {
  const photo = match('/photos/:filename', here)
  const galleries: Record<string, Source> = { '/': 'all', '/favourites': 'favourites', '/trash': 'trash' }
  const shown = photo ? source() : galleries[here]
  // The same element with and without a photo, so that the gallery behind it stays as it is.
  if (shown) return <Gallery key={shown} source={shown} open={photo?.filename ?? null} />
  const job = match('/jobs/:id', here)
  const auction = match('/auctions/:id', here)
  if (here === '/upload') return <UploadPage />
  if (here === '/jobs') return <Jobs />
  if (job?.id) return <JobPage key={job.id} id={job.id} />
  if (here === '/auctions') return <Auctions />
  if (here === '/auctions/new') return <NewAuction />
  if (auction?.id) return <AuctionDetails key={auction.id} id={auction.id} />
  if (here === '/account') return <Account />
  return (
    <Page title={t('notFound.title')}>
      <Empty title={t('notFound.text')}>
        <p>
          <a href="/">{t('notFound.home')}</a>
        </p>
      </Empty>
    </Page>
  )
}

function OfflineNote() {
  if (online.value) return null
  return (
    <div class="offline" role="status">
      <Icon name="warning" /> {t('state.offline')}
    </div>
  )
}
