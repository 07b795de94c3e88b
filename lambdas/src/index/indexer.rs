use std::time::Duration;

use super::dictionary::{PhotoIndex, PhotoIndexBuilder, PhotoIndexStore, Totals};
use crate::{
    photos::{PhotoStore, StoreError},
    storage::CloudError,
    users::UserKey,
};

/// The most that S3 lists in one request.
const PAGE: u16 = 1000;

/// How often the indexer writes an index before it gives up for now. With the pauses between the writes, that is about
/// a minute of constant changes.
const MAX_WRITES: u8 = 40;

/// How many of these writes need no pause. Listing a large folder takes long, so one photo that is added in the
/// meantime is no reason to discard the listing.
const EAGER_WRITES: u8 = 2;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Keeps photo indexes up to date with folders.
#[derive(Clone, Debug)]
pub struct Indexer {
    photos: PhotoStore,
    dictionaries: PhotoIndexStore,
}

/// An index could not be brought up to date. Its folder must be indexed again.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The folder kept changing.
    #[error("the folder kept changing while its dictionary was written {MAX_WRITES} times")]
    Unsettled,
    /// The folder cannot be listed.
    #[error("the folder cannot be listed: {0}")]
    Listing(#[from] StoreError),
    /// The index cannot be written.
    #[error("the dictionary cannot be written: {0}")]
    Writing(#[from] CloudError),
    /// An entry cannot be JSON, which is a bug.
    #[error("an entry is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The result of indexing a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The totals of the index.
    pub totals: Totals,
    /// How often the index was written.
    pub writes: u8,
}

impl Indexer {
    /// Indexes the photos in `photos`.
    #[must_use]
    pub const fn new(photos: PhotoStore, dictionaries: PhotoIndexStore) -> Self {
        Self { photos, dictionaries }
    }

    /// Brings a user's index up to date. Lists the folder, writes the index, and lists again until a listing made after
    /// a write equals what was written. Otherwise another indexer that listed earlier and wrote later could leave an
    /// outdated index after the last event (`model.rs` checks this).
    ///
    /// It may be cancelled at any moment if the folder is indexed again later.
    ///
    /// # Errors
    /// After an error, the folder must be indexed again.
    pub async fn index(&self, folder: &UserKey) -> Result<Indexed, IndexError> {
        let mut protocol = Protocol::new(MAX_WRITES, EAGER_WRITES);
        loop {
            let dictionary = self.list(folder).await?;
            match protocol.listed(dictionary.fingerprint()) {
                Next::Write => self.dictionaries.write(folder, dictionary).await?,
                Next::Wait(pause) => tokio::time::sleep(pause).await,
                Next::Done => return Ok(Indexed { totals: dictionary.totals(), writes: protocol.writes }),
                Next::GiveUp => return Err(IndexError::Unsettled),
            }
        }
    }

    async fn list(&self, folder: &UserKey) -> Result<PhotoIndex, IndexError> {
        let mut dictionary = PhotoIndexBuilder::default();
        let mut after = None;
        loop {
            let page = self.photos.list(folder, PAGE, after.as_ref()).await?;
            dictionary.add(&page.photos)?;
            match page.next {
                Some(last) => after = Some(last),
                None => return Ok(dictionary.finish()),
            }
        }
    }
}

/// Decides what to do after a listing. It is separate from the storage, so that the model in `model.rs` runs the same
/// code. `L` identifies what was listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Protocol<L> {
    written: Option<L>,
    writes: u8,
    max_writes: u8,
    eager_writes: u8,
    waited: bool,
}

/// The next step. `Write` and `Wait` are followed by another listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write what was listed.
    Write,
    /// Wait for the folder to stop changing.
    Wait(Duration),
    /// The index is up to date.
    Done,
    /// Let a later run try again.
    GiveUp,
}

impl<L: PartialEq> Protocol<L> {
    pub(super) const fn new(max_writes: u8, eager_writes: u8) -> Self {
        Self { written: None, writes: 0, max_writes, eager_writes, waited: false }
    }

    pub(super) fn listed(&mut self, listing: L) -> Next {
        if self.written.as_ref() == Some(&listing) {
            return Next::Done;
        }
        if self.writes == self.max_writes {
            return Next::GiveUp;
        }
        if self.writes >= self.eager_writes && !self.waited {
            self.waited = true;
            let doublings = u32::from(self.writes - self.eager_writes);
            return Next::Wait(FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(MAX_PAUSE));
        }
        self.waited = false;
        self.writes += 1;
        self.written = Some(listing);
        Next::Write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_folder_is_written_once_and_listed_twice() {
        let mut protocol = Protocol::new(MAX_WRITES, EAGER_WRITES);
        assert_eq!(protocol.listed("ab"), Next::Write);
        assert_eq!(protocol.listed("ab"), Next::Done);
    }

    #[test]
    fn a_change_between_the_listings_is_written() {
        let mut protocol = Protocol::new(MAX_WRITES, EAGER_WRITES);
        assert_eq!(protocol.listed("a"), Next::Write);
        assert_eq!(protocol.listed("ab"), Next::Write);
        assert_eq!(protocol.listed("ab"), Next::Done);
    }

    #[test]
    fn a_folder_that_keeps_changing_is_given_time_and_then_given_up() {
        let mut protocol = Protocol::new(MAX_WRITES, EAGER_WRITES);
        let mut waited = Duration::ZERO;
        let mut writes = 0;
        for listing in 0.. {
            match protocol.listed(listing) {
                Next::Write => writes += 1,
                Next::Wait(pause) => waited += pause,
                Next::Done => panic!("no two listings were equal"),
                Next::GiveUp => break,
            }
        }
        assert_eq!(writes, MAX_WRITES);
        assert!((Duration::from_secs(65)..Duration::from_secs(75)).contains(&waited), "{waited:?}");
    }

    #[test]
    fn after_a_pause_what_is_listed_then_is_written() {
        let mut protocol = Protocol::new(3, 1);
        assert_eq!(protocol.listed("a"), Next::Write);
        assert_eq!(protocol.listed("ab"), Next::Wait(FIRST_PAUSE));
        assert_eq!(protocol.listed("abc"), Next::Write);
        assert_eq!(protocol.listed("abc"), Next::Done);
    }
}
