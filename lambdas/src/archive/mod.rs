//! ZIP archives: every photo is passed to a store, and every entry is reported.
//!
//! Nothing in an archive is trusted. The central directory is read completely before anything is stored. If it is
//! damaged, the archive is rejected: the entries behind the damage would be lost silently. Later errors concern single
//! entries. Each entry of the directory, in its order and including duplicates, is in exactly one list of the
//! [`Report`].
//!
//! Unpacking runs on the caller's task. It yields to the runtime regularly, so that photos already unpacked are stored
//! in the meantime.

mod chunk;
mod directory;
mod entry;
mod inflate;
mod name;
mod plan;
mod reader;
mod report;
#[cfg(test)]
mod tests;
mod write;

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use rawzip::{ZipFileHeaderRecord, ZipSliceArchive};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Timeout, timeout_at},
};

use crate::{
    config::{ConfigError, optional},
    photos::{Amount, PhotoType, StoreError},
    telemetry::Chain,
};
use reader::{Reader, Unpacked};

pub use chunk::{Listed, gather, list, ranges};
pub use directory::View;
pub use inflate::{Inflated, Large};
pub use plan::{Chunk, Plan, plan};
pub use report::{Failed, NotStored, Processed, Reason, Report, Skipped, Stored};
pub use write::{Modified, StoredFile, directory_record, end_of_directory, local_header};

/// Limits on the work for one archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries per archive (`UNZIP_MAX_ENTRIES`). A report on 1,000 entries stays within Lambda's 6 MB response limit.
    pub max_entries: usize,
    /// Unpacked bytes per entry (`UNZIP_MAX_ENTRY_BYTES`). `max_in_flight_bytes` limits each entry, too.
    pub max_entry_bytes: u32,
    /// Unpacked bytes per archive, including those of skipped and damaged entries (`UNZIP_MAX_TOTAL_BYTES`).
    pub max_total_bytes: u64,
    /// Bytes in memory at a time, of the photo being unpacked and the photos being stored.
    pub max_in_flight_bytes: u32,
    /// Photos being stored at a time.
    pub max_puts: usize,
    /// Unpacking stops this long before the deadline, so that the photos being stored can finish.
    pub put_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 1_000,
            max_entry_bytes: 32 * 1024 * 1024,
            max_total_bytes: 512 * 1024 * 1024,
            max_in_flight_bytes: 48 * 1024 * 1024,
            max_puts: 64,
            put_time: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// Reads `UNZIP_MAX_ENTRIES`, `UNZIP_MAX_ENTRY_BYTES` and `UNZIP_MAX_TOTAL_BYTES`.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] if one is set but is not a number.
    pub fn from_env() -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            max_entries: optional("UNZIP_MAX_ENTRIES", default.max_entries)?,
            max_entry_bytes: optional("UNZIP_MAX_ENTRY_BYTES", default.max_entry_bytes)?,
            max_total_bytes: optional("UNZIP_MAX_TOTAL_BYTES", default.max_total_bytes)?,
            // Somebody waits for the response. Nobody waits for a job's chunk, and 16 of them run at once.
            max_puts: 256,
            ..default
        })
    }
}

/// The whole archive is rejected. Nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("not a ZIP archive")]
    NotAnArchive,
    /// The directory is truncated or unreadable.
    #[error("the directory of the ZIP archive is damaged")]
    Damaged,
    /// More than [`Limits::max_entries`].
    #[error("the ZIP archive has more than {limit} entries")]
    TooManyEntries { limit: usize },
    /// Only jobs refuse this.
    #[error("entries of the ZIP archive overlap")]
    Overlapping,
}

/// An archive in memory whose directory was read completely.
pub struct Zip(ZipSliceArchive<Bytes>);

impl Zip {
    /// Finds the archive in a file.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(file: Bytes, limits: &Limits) -> Result<Self, ArchiveError> {
        directory::find(file, limits.max_entries).map(Self)
    }

    /// What its photos take at most if its directory tells the truth. Other files count too: only their bytes tell
    /// what they are.
    #[must_use]
    pub fn declared(&self, limits: &Limits) -> Amount {
        let files = self.records().filter(|record| chunk::has_data(record, &name::decode(record)));
        let sizes = files.map(|record| record.uncompressed_size_hint());
        let possible = sizes.filter(|size| *size <= u64::from(limits.max_entry_bytes));
        let sum = possible.fold(Amount::default(), |sum, size| sum.plus(Amount::photo(size)));
        Amount { bytes: sum.bytes.min(limits.max_total_bytes), ..sum }
    }

    /// Passes every photo to `store`, with its index in the directory and its full path in the archive. The outcomes
    /// are in the order of the directory.
    ///
    /// Returns by `deadline`. Unpacking stops [`Limits::put_time`] earlier, and unfinished calls of `store` are
    /// cancelled at the deadline. Entries not stored by then are reported as [`Failed::OutOfTime`]. The photo of a
    /// cancelled call may be stored nevertheless.
    pub async fn unpack<F, Fut, P>(&self, limits: &Limits, deadline: Instant, store: F) -> Vec<Processed<P>>
    where
        F: Fn(usize, String, PhotoType, Bytes) -> Fut,
        Fut: Future<Output = Result<P, StoreError>>,
    {
        let mut reader = Reader::new(&self.0, limits, deadline.checked_sub(limits.put_time).unwrap_or(deadline));
        let mut puts = FuturesUnordered::new();
        let mut processed = Vec::new();
        for (at, record) in self.records().enumerate() {
            while puts.len() >= limits.max_puts.max(1) {
                processed.extend(puts.next().await);
            }
            let name = name::decode(&record);
            let entry = name::shown(&name);
            // While the reader yields or waits for room, the photos before this entry are stored.
            let read = {
                let mut reading = pin!(reader.read(&record, &name));
                loop {
                    tokio::select! {
                        biased;
                        read = &mut reading => break read,
                        Some(entry) = puts.next() => processed.push(entry),
                    }
                }
            };
            match read {
                Ok(Unpacked { kind, bytes, room }) => {
                    let put = store(at, name, kind, bytes);
                    puts.push(finish(at, entry, timeout_at(deadline, put), room));
                }
                Err(reason) => processed.push(Processed { at, entry, outcome: Err(reason) }),
            }
        }
        while let Some(entry) = puts.next().await {
            processed.push(entry);
        }
        processed.sort_unstable_by_key(|entry| entry.at);
        processed
    }

    /// What follows the last readable record was checked when the archive was opened.
    fn records(&self) -> impl Iterator<Item = ZipFileHeaderRecord<'_>> {
        self.0.entries().map_while(Result::ok)
    }
}

/// Waits until a photo is stored, then releases its room.
async fn finish<Fut, P>(at: usize, entry: String, put: Timeout<Fut>, room: OwnedSemaphorePermit) -> Processed<P>
where
    Fut: Future<Output = Result<P, StoreError>>,
{
    let outcome = match put.await {
        Ok(Ok(photo)) => Ok(photo),
        Ok(Err(StoreError::Exceeded(_))) => Err(Failed::Quota.into()),
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "a photo from an archive was not stored");
            Err(Failed::Storage.into())
        }
        Err(_) => Err(Failed::OutOfTime.into()),
    };
    drop(room);
    Processed { at, entry, outcome }
}
