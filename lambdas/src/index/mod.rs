//! The photo index of each user, `index/{user}/images.json`. Events update it after each change of the photos.

mod dictionary;
mod events;
mod indexer;
#[cfg(test)]
mod model;

pub use dictionary::{EMPTY, EMPTY_ETAG, Entry, PhotoIndex, PhotoIndexBuilder, PhotoIndexStore, Stored, Totals};
pub use events::{Notice, read_notice};
pub use indexer::{IndexError, Indexed, Indexer};
