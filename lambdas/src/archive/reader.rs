use std::{io::Read, sync::Arc};

use bytes::Bytes;
use flate2::Crc;
use rawzip::{ZipFileHeaderRecord, ZipSliceArchive};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::{Instant, timeout_at},
};

use super::{
    Limits,
    entry::{self, Content, HEAD_BYTES},
    report::{Failed, Reason},
};
use crate::photos::PhotoType;

/// The size of the buffer for unpacking.
const CHUNK_BYTES: usize = 64 * 1024;

/// How much is read and unpacked between two yields to the runtime: about a millisecond of work.
const YIELD_BYTES: usize = 256 * 1024;

/// Unpacks the entries of an archive one after the other.
pub(super) struct Reader<'a> {
    archive: &'a ZipSliceArchive<Bytes>,
    max_entry_bytes: u32,
    /// How many more bytes may be unpacked, from all entries together.
    left: u64,
    /// When unpacking stops.
    stop: Instant,
    /// One permit for each byte that may be in flight. This cannot deadlock: only the reader acquires permits, in one
    /// place, and a photo being stored releases its permits without waiting for the reader.
    room: Arc<Semaphore>,
    chunk: Box<[u8]>,
    since_yield: usize,
}

/// A complete photo whose size and checksum match the directory.
pub(super) struct Unpacked {
    pub(super) kind: PhotoType,
    pub(super) bytes: Bytes,
    /// Must be held as long as the bytes are.
    pub(super) room: OwnedSemaphorePermit,
}

impl<'a> Reader<'a> {
    pub(super) fn new(archive: &'a ZipSliceArchive<Bytes>, limits: &Limits, stop: Instant) -> Self {
        let room = usize::try_from(limits.max_in_flight_bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            archive,
            max_entry_bytes: limits.max_entry_bytes.min(u32::try_from(room).unwrap_or(u32::MAX)),
            left: limits.max_total_bytes,
            stop,
            room: Arc::new(Semaphore::new(room)),
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            since_yield: 0,
        }
    }

    /// Reads an entry. Only photos are read to their end; of other files, only the first bytes are read.
    ///
    /// # Errors
    /// Why the entry is skipped or cannot be stored.
    pub(super) async fn read(&mut self, record: &ZipFileHeaderRecord<'_>, name: &str) -> Result<Unpacked, Reason> {
        entry::check(record, name)?;
        self.in_time()?;
        let mut content = entry::open(self.archive, record)?;

        let mut head = Vec::with_capacity(HEAD_BYTES);
        while head.len() < HEAD_BYTES {
            match self.unpack(&mut content, HEAD_BYTES - head.len()).await? {
                [] => break,
                bytes => head.extend_from_slice(bytes),
            }
        }
        let kind = entry::kind(&head)?;

        // The declared size limits the memory for the photo. If the size is wrong, the entry is damaged.
        let declared = record.uncompressed_size_hint();
        let (most, too_long) = match u32::try_from(declared) {
            Ok(declared) if declared <= self.max_entry_bytes => (declared, Failed::Damaged),
            _ => (self.max_entry_bytes, Failed::TooLarge),
        };
        let room = self.reserve(most).await?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Memory that is reserved but never written costs nothing.
        let mut photo = Vec::with_capacity(most);
        let mut crc = Crc::new();
        let mut next = head.as_slice();
        while !next.is_empty() {
            if next.len() > most - photo.len() {
                return Err(too_long.into());
            }
            crc.update(next);
            photo.extend_from_slice(next);
            next = self.unpack(&mut content, most - photo.len() + 1).await?;
        }
        if u64::try_from(photo.len()) != Ok(declared) || crc.sum() != record.crc32() || !content.is_exhausted() {
            return Err(Failed::Damaged.into());
        }
        Ok(Unpacked { kind, bytes: photo.into(), room })
    }

    /// At most `most` further bytes of an entry; empty at its end.
    async fn unpack(&mut self, content: &mut Content<'_>, most: usize) -> Result<&[u8], Failed> {
        if self.since_yield >= YIELD_BYTES {
            self.since_yield = 0;
            yield_now().await;
            self.in_time()?;
        }
        let before = content.packed_left();
        let chunk = self.chunk.get_mut(..most.min(CHUNK_BYTES)).unwrap_or_default();
        let got = content.read(chunk).map_err(|_| Failed::Damaged)?;
        // Packed bytes count too: a long entry can unpack to nothing.
        self.since_yield += got + (before - content.packed_left());
        let left = u64::try_from(got).ok().and_then(|got| self.left.checked_sub(got));
        self.left = left.unwrap_or(0);
        left.ok_or(Failed::OverTotal)?;
        Ok(self.chunk.get(..got).unwrap_or_default())
    }

    async fn reserve(&self, bytes: u32) -> Result<OwnedSemaphorePermit, Failed> {
        let room = timeout_at(self.stop, Arc::clone(&self.room).acquire_many_owned(bytes)).await;
        // The semaphore is never closed, so the only possible error is the timeout.
        room.ok().and_then(Result::ok).ok_or(Failed::OutOfTime)
    }

    fn in_time(&self) -> Result<(), Failed> {
        if Instant::now() < self.stop { Ok(()) } else { Err(Failed::OutOfTime) }
    }
}
