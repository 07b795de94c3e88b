//! The image dictionary of each user, `index/{user}/images.json`. It follows the photos by their events.

mod dictionary;
mod events;
mod indexer;
#[cfg(test)]
mod model;

pub use dictionary::{EMPTY, EMPTY_ETAG, Entry, PhotoIndex, PhotoIndexBuilder, PhotoIndexStore, Stored, Totals};
pub use events::{Notice, read_notice};
pub use indexer::{IndexError, Indexed, Indexer};
