use std::time::Duration;

use super::dictionary::{PhotoIndex, PhotoIndexBuilder, PhotoIndexStore, Totals};
use crate::{
    photos::{PhotoStore, StoreError},
    storage::CloudError,
    users::UserKey,
};

/// As many as S3 lists at once.
const PAGE: u16 = 1000;

/// How often a dictionary is written before its folder is left alone for a while. With the pauses between them that is
/// about a minute of changes without a rest.
const MAX_WRITES: u8 = 40;

/// How many of these come without a pause. In a large folder, whose listing takes long, one photo that came meanwhile
/// is no reason to throw the listing away.
const EAGER_WRITES: u8 = 2;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Keeps dictionaries in step with folders.
#[derive(Clone, Debug)]
pub struct Indexer {
    photos: PhotoStore,
    dictionaries: PhotoIndexStore,
}

/// A dictionary could not be brought in step. Its folder must be indexed again.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The folder changed without a rest.
    #[error("the folder kept changing while its dictionary was written {MAX_WRITES} times")]
    Unsettled,
    /// The folder cannot be listed.
    #[error("the folder cannot be listed: {0}")]
    Listing(#[from] StoreError),
    /// The dictionary cannot be written.
    #[error("the dictionary cannot be written: {0}")]
    Writing(#[from] CloudError),
    /// A fault of ours.
    #[error("an entry is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// What the dictionary holds now.
    pub totals: Totals,
    /// How often it was written.
    pub writes: u8,
}

impl Indexer {
    /// Makes the dictionaries of these photos.
    #[must_use]
    pub const fn new(photos: PhotoStore, dictionaries: PhotoIndexStore) -> Self {
        Self { photos, dictionaries }
    }

    /// Brings a user's dictionary in step with the folder: lists, writes, and lists again, until a listing that was
    /// made after a write equals what was written. Only then is it sure that no other indexer, which listed earlier and
    /// wrote later, has left something old behind the last event (`model.rs` checks it).
    ///
    /// This may be given up at any moment, as long as the folder is indexed again.
    ///
    /// # Errors
    /// The folder must be indexed again then.
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

/// Decides what follows a listing. Apart from the storage, so that the model of `model.rs` runs the same code.
/// `L` stands for what was listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Protocol<L> {
    written: Option<L>,
    writes: u8,
    max_writes: u8,
    eager_writes: u8,
    waited: bool,
}

/// After all but the last two comes a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write what was listed.
    Write,
    /// Let the folder rest.
    Wait(Duration),
    /// The dictionary is right.
    Done,
    /// Let somebody else try, later.
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
