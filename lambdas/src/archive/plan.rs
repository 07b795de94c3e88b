use rawzip::{ReaderAt, ZipFileHeaderRecord};
use serde::{Deserialize, Serialize};

use super::{
    ArchiveError, View,
    chunk::{GAP, extent, has_data},
    directory::walk,
    name,
};

/// The packed bytes of a chunk. A worker holds them in memory.
const CHUNK_BYTES: u64 = 24 << 20;

/// The unpacked bytes of a chunk, as its entries declare them. An entry that is longer than declared is damaged, so
/// this limits the work for a chunk.
const CHUNK_UNPACKED: u64 = 256 << 20;

/// The entries of a chunk.
const CHUNK_ENTRIES: u32 = 500;

/// The largest entry that is unpacked in memory.
const IN_MEMORY: u64 = 32 << 20;

/// The most bytes that deflate packs into one. An entry that declares more is damaged.
const MOST_FROM_A_BYTE: u64 = 1_032;

/// The most bytes of an entry's record in the directory: 46, and three fields of up to 65,535 (`APPNOTE.TXT`, 4.3.12).
const RECORD_BYTES: u64 = 46 + 3 * 65_535;

/// How the work on an archive is divided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the archive starts in the file.
    pub start: u64,
    /// Where its directory ends, from `start`.
    pub end: u64,
    pub entries: u32,
    /// The packed bytes of all entries.
    pub bytes: u64,
    pub chunks: Vec<Chunk>,
}

/// Entries that follow each other in the directory, and that one worker unpacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Where the record of its first entry is, from the start of the archive.
    pub directory: u64,
    /// The index of its first entry.
    pub first: u32,
    pub entries: u32,
    /// Its packed bytes.
    pub bytes: u64,
    /// Whether it is a single entry that must not be unpacked in memory.
    pub is_large: bool,
}

impl Plan {
    /// Where the records of a chunk are in the file; `None` if there is no such chunk.
    #[must_use]
    pub fn directory(&self, chunk: usize) -> Option<(u64, u64)> {
        let Chunk { directory: from, entries, .. } = *self.chunks.get(chunk)?;
        let to = self.chunks.get(chunk + 1).map_or(self.end, |next| next.directory);
        // Anything may follow the last record.
        let most = from.saturating_add(u64::from(entries) * RECORD_BYTES);
        Some((self.start + from, self.start + to.min(most)))
    }
}

/// Divides an archive that [`View::find`] has found. The memory for it does not grow with the number of entries, except
/// by a few bytes for each chunk; entries that are not in the order of the directory take 16 bytes each.
///
/// # Errors
/// [`ArchiveError::Overlapping`], and those of [`View::find`].
pub fn plan<R: ReaderAt>(view: &View<R>, max_entries: usize) -> Result<Plan, ArchiveError> {
    let archive = view.locate().map_err(|_| ArchiveError::Damaged)?;
    let length = view.length();
    let mut splitter = Splitter { length, ..Splitter::default() };
    let entries = walk(&archive, max_entries, |_, record| splitter.add(record))?;
    if splitter.is_unordered {
        let mut extents = Vec::new();
        walk(&archive, max_entries, |_, record| extents.extend(extent(record, length)))?;
        extents.sort_unstable();
        if extents.iter().zip(extents.iter().skip(1)).any(|((_, end), (next, _))| next < end) {
            return Err(ArchiveError::Overlapping);
        }
    }
    let Splitter { chunks, bytes, .. } = splitter;
    let entries = u32::try_from(entries).map_err(|_| ArchiveError::TooManyEntries { limit: max_entries })?;
    Ok(Plan { start: view.start, end: archive.eocd_offset(), entries, bytes, chunks })
}

#[derive(Default)]
struct Splitter {
    /// The length of the archive.
    length: u64,
    chunks: Vec<Chunk>,
    bytes: u64,
    /// The end of the last entry with data.
    last_end: u64,
    /// What a worker must read for the last chunk.
    cost: u64,
    /// What the entries of the last chunk unpack to.
    unpacked: u64,
    /// Whether an entry starts before the end of one before it in the directory.
    is_unordered: bool,
}

impl Splitter {
    fn add(&mut self, record: &ZipFileHeaderRecord<'_>) {
        let name = name::decode(record);
        let (mut cost, mut packed, mut unpacked) = (0, 0, 0);
        if let Some((start, end)) = extent(record, self.length) {
            self.is_unordered |= start < self.last_end;
            if has_data(record, &name) {
                // The gap may be a long local header: its length is not in the directory.
                let follows = start >= self.last_end && start - self.last_end <= GAP;
                cost = if follows { end - self.last_end } else { GAP + end - start };
                packed = record.compressed_size_hint();
                unpacked = record.uncompressed_size_hint().min(packed.saturating_mul(MOST_FROM_A_BYTE));
            }
            self.last_end = self.last_end.max(end);
        }
        self.bytes += packed;
        let is_large = packed > CHUNK_BYTES || unpacked > IN_MEMORY;
        let fits = self.chunks.last().is_some_and(|chunk| {
            !chunk.is_large
                && chunk.entries < CHUNK_ENTRIES
                && self.cost + cost <= CHUNK_BYTES + GAP
                && self.unpacked.saturating_add(unpacked) <= CHUNK_UNPACKED
        });
        let first = self.chunks.last().map_or(0, |chunk| chunk.first + chunk.entries);
        match self.chunks.last_mut() {
            Some(chunk) if fits && !is_large => {
                chunk.entries += 1;
                chunk.bytes += packed;
                self.cost += cost;
                self.unpacked += unpacked;
            }
            _ => {
                let directory = record.central_directory_offset();
                self.chunks.push(Chunk { directory, first, entries: 1, bytes: packed, is_large });
                (self.cost, self.unpacked) = (cost, unpacked);
            }
        }
    }
}
