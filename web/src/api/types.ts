import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Photo = Schemas['Photo']
export type PhotoPage = Schemas['Photos']
export type Month = Schemas['Month']
export type Me = Schemas['Me']
export type Auction = Schemas['Auction']
export type AuctionPage = Schemas['AuctionPage']
export type Part = Schemas['UploadPart']
export type Upload = Schemas['Upload']
export type Job = Schemas['Job']
export type Entry = Schemas['JobEntry']
export type Outcome = Schemas['Outcome']
