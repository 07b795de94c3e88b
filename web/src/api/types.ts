import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Photo = Schemas['Photo']
export type PhotoPage = Schemas['Photos']
export type Month = Schemas['Month']
export type Me = Schemas['Me']
export type Auction = Schemas['Auction']
export type AuctionPage = Schemas['AuctionPage']
export type Part = Schemas['UploadPart']

/** How an upload ends: a photo, or a job that unpacks an archive. */
export type Upload = Omit<Schemas['Upload'], 'job'> & { job: Job | null }

export type Outcome = 'stored' | 'skipped' | 'failed'

export interface Job {
  id: string
  type: 'unzip' | 'export'
  state: 'running' | 'done' | 'failed' | 'cancelled'
  entries: { total: number | null } & Record<Outcome, number>
  bytes: { total: number | null; done: number }
  created_at: string
  finished_at: string | null
  filename: string | null
  files: { filename: string; size: number; url: string }[] | null
  problem: string | null
}

export interface Entry {
  entry: string
  outcome: Outcome
  reason: string | null
  detail: string | null
  photo: Photo | null
}
