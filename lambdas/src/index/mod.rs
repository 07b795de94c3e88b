//! What is kept about a user beside the photos: the dictionary of the photos, `index/{user}/images.json`, which follows
//! the photos by their events, and the user's record, `users/{user}/record.json`.

mod dictionary;
mod documents;
mod events;
mod indexer;
#[cfg(test)]
mod model;
mod record;

pub use dictionary::{Dictionaries, Dictionary, DictionaryBuilder, EMPTY, EMPTY_ETAG, Stored, Totals};
pub use documents::StorageError;
pub use events::{Notice, read_notice};
pub use indexer::{IndexError, Indexed, Indexer};
pub use record::{Record, RecordError, Records};
