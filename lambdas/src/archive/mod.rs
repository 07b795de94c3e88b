//! Archives: every photo in a ZIP is handed to a store, and every entry is accounted for.
//!
//! Nothing that an archive says about itself is believed. The central directory is read whole, before anything is
//! stored: when it cannot be, the archive is refused, for entries behind the break would be lost without a word. From
//! then on nothing is an error of the archive any more: each entry of the directory, in its order and duplicates too,
//! ends in exactly one list of the [`Report`].
//!
//! Unpacking runs on the caller's task and yields to the runtime as it goes, so that the photos already unpacked are
//! stored meanwhile.

mod directory;
mod entry;
mod name;
mod reader;
mod report;
#[cfg(test)]
mod tests;

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Timeout, timeout_at},
};

use crate::{
    config::{ConfigError, optional},
    photos::{Photo, PhotoType, StoreError},
};
use reader::{Reader, Unpacked};
use report::Seen;
pub use report::{Failed, NotStored, Report, Skipped, Stored};

/// What an archive may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most entries (`UNZIP_MAX_ENTRIES`). An answer about 1,000 fits the 6 MB that Lambda lets one have.
    pub max_entries: usize,
    /// The most bytes of one entry, unpacked (`UNZIP_MAX_ENTRY_BYTES`). Never more than `max_in_flight_bytes`.
    pub max_entry_bytes: u32,
    /// The most bytes unpacked in all, those of skipped and damaged entries too (`UNZIP_MAX_TOTAL_BYTES`).
    pub max_total_bytes: u64,
    /// The most bytes of entries held at a time, being unpacked and being stored.
    pub max_in_flight_bytes: u32,
    /// The most photos being stored at a time.
    pub max_puts: usize,
    /// Kept free before the deadline: nothing is unpacked then, so that what is being stored comes to its end.
    pub put_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 1_000,
            max_entry_bytes: 32 * 1024 * 1024,
            max_total_bytes: 512 * 1024 * 1024,
            max_in_flight_bytes: 48 * 1024 * 1024,
            max_puts: 16,
            put_time: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// Reads `UNZIP_MAX_ENTRIES`, `UNZIP_MAX_ENTRY_BYTES` and `UNZIP_MAX_TOTAL_BYTES`.
    ///
    /// # Errors
    /// When one is set and no number.
    pub fn from_env() -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            max_entries: optional("UNZIP_MAX_ENTRIES", default.max_entries)?,
            max_entry_bytes: optional("UNZIP_MAX_ENTRY_BYTES", default.max_entry_bytes)?,
            max_total_bytes: optional("UNZIP_MAX_TOTAL_BYTES", default.max_total_bytes)?,
            ..default
        })
    }
}

/// The archive as a whole is refused; nothing of it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes are something else.
    #[error("not a ZIP archive")]
    NotAnArchive,
    /// A ZIP archive whose directory is cut off or cannot be read to its end.
    #[error("the directory of the ZIP archive is damaged")]
    Damaged,
    /// More than [`Limits::max_entries`].
    #[error("the ZIP archive has more than {limit} entries")]
    TooManyEntries {
        /// How many there may be.
        limit: usize,
    },
}

/// Hands every photo of a ZIP archive to `store`, with the name it has in the archive, path and all.
///
/// It is over by `deadline`: [`Limits::put_time`] before it the unpacking stops, and at the deadline itself nobody
/// waits for `store` any longer. Entries not stored by then are reported as [`Failed::OutOfTime`]; the ones that were
/// being stored may be stored nevertheless, which no one can tell.
///
/// # Errors
/// [`ArchiveError`], before `store` is called for the first time. What fails later is in the report.
pub async fn unpack<F, Fut>(
    archive: Bytes,
    limits: &Limits,
    deadline: Instant,
    store: F,
) -> Result<Report, ArchiveError>
where
    F: Fn(String, PhotoType, Bytes) -> Fut,
    Fut: Future<Output = Result<Photo, StoreError>>,
{
    let archive = directory::find(archive, limits.max_entries)?;
    let records = directory::list(&archive, limits.max_entries)?;
    let mut reader = Reader::new(&archive, limits, deadline.checked_sub(limits.put_time).unwrap_or(deadline));

    let mut puts = FuturesUnordered::new();
    let mut seen = Vec::new();
    for (at, record) in records.iter().enumerate() {
        while puts.len() >= limits.max_puts.max(1) {
            seen.extend(puts.next().await);
        }
        let name = name::decode(record);
        let entry = name::shown(&name);
        // While the reader waits, for room or its turn, the photos before it are stored.
        let read = {
            let mut reading = pin!(reader.read(record, &name));
            loop {
                tokio::select! {
                    biased;
                    read = &mut reading => break read,
                    Some(one) = puts.next() => seen.push(one),
                }
            }
        };
        match read {
            Ok(Unpacked { kind, bytes, room }) => {
                let put = store(name, kind, bytes);
                puts.push(finish(at, entry, timeout_at(deadline, put), room));
            }
            Err(reason) => seen.push(Seen { at, entry, outcome: Err(reason) }),
        }
    }
    while let Some(one) = puts.next().await {
        seen.push(one);
    }
    Ok(Report::new(seen))
}

/// Waits until a photo is stored, and gives its room back.
async fn finish<Fut>(at: usize, entry: String, put: Timeout<Fut>, room: OwnedSemaphorePermit) -> Seen
where
    Fut: Future<Output = Result<Photo, StoreError>>,
{
    let outcome = match put.await {
        Ok(Ok(photo)) => Ok(photo),
        Ok(Err(error)) => {
            tracing::error!(%error, "a photo of an archive was not stored");
            Err(Failed::Storage.into())
        }
        Err(_) => Err(Failed::OutOfTime.into()),
    };
    drop(room);
    Seen { at, entry, outcome }
}
