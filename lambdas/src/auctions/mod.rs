//! Auctions: what they are, who may bid, and how they end.

mod auction;
mod closing;
mod item;
mod opening;
mod pictures;
mod store;

pub use auction::{Auction, AuctionView, Bid, BidView, NewAuction, Party, Refusal, Status};
pub use closing::{Closing, Report};
pub use opening::{MAX_OPEN, Opening};
pub use pictures::{PictureKey, PictureStore};
pub use store::{AuctionError, AuctionStore, Page, PictureChange, Position};
