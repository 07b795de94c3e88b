//! Entries that are too large for memory: their packed bytes arrive piece by piece, and so do their unpacked bytes.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use rawzip::ZipArchive;

use super::{
    Listed,
    entry::{self, HEAD_BYTES},
    report::{Failed, Reason},
};
use crate::photos::PhotoType;

/// How much is unpacked at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// How much of the start of an entry must be read for its local header: 30 bytes and two fields of 65,535.
const HEADER_BYTES: u64 = 30 + 2 * 65_535;

/// A large entry whose local header is read.
#[derive(Debug)]
pub struct Large {
    /// Where its data start, from the start of the archive.
    pub from: u64,
    pub to: u64,
}

impl Large {
    /// Where [`Large::open`] finds the header, as offsets in the archive, which may end before the second.
    #[must_use]
    pub fn header(entry: &Listed) -> Option<(u64, u64)> {
        entry.extent().map(|(start, _)| (start, start + HEADER_BYTES))
    }

    /// Reads the local header of an entry from the bytes that start with it. `length` is that of the archive.
    ///
    /// # Errors
    /// Why the entry cannot be read.
    pub fn open(entry: &Listed, first: &[u8], length: u64) -> Result<Self, Reason> {
        let archive = entry.header_only(first);
        let archive = ZipArchive::from_slice(&archive).map_err(|_| Failed::Damaged)?;
        let record = archive.entries().map_while(Result::ok).next().ok_or(Failed::Damaged)?;
        entry::check(&record, &entry.name)?;
        entry::open(&archive, &record)?;
        let header = archive.get_entry(record.wayfinder()).map_err(|_| Failed::Damaged)?.compressed_data_range().0;
        let (start, _) = entry.extent().ok_or(Failed::Damaged)?;
        let from = start + header;
        let to = from.checked_add(entry.packed).filter(|to| *to <= length).ok_or(Failed::Damaged)?;
        Ok(Self { from, to })
    }
}

/// Unpacks an entry.
pub struct Inflated {
    /// `None` if the entry is stored as it is.
    inflate: Option<Decompress>,
    crc: Crc,
    size: u64,
    /// The most unpacked bytes, and what a longer entry is.
    most: u64,
    too_long: Failed,
    /// The first bytes, which tell the type.
    head: Vec<u8>,
    is_at_end: bool,
    piece: Vec<u8>,
}

impl Inflated {
    /// An entry of at most `max_bytes`.
    #[must_use]
    pub fn new(entry: &Listed, max_bytes: u64) -> Self {
        let (most, too_long) =
            if entry.size <= max_bytes { (entry.size, Failed::Damaged) } else { (max_bytes, Failed::TooLarge) };
        Self {
            most,
            too_long,
            inflate: entry.is_deflated.then(|| Decompress::new(false)),
            crc: Crc::new(),
            size: 0,
            head: Vec::new(),
            is_at_end: false,
            piece: vec![0; PIECE_BYTES],
        }
    }

    /// Unpacks some more. Returns how many packed bytes it has read, and what they unpack to. Call it again with the
    /// rest until all are read.
    ///
    /// # Errors
    /// [`Failed::Damaged`], and [`Failed::TooLarge`] if the entry is longer than it may be. Check [`Inflated::kind`]
    /// before going on after the first bytes: the size of what is no photo does not matter.
    pub fn unpack(&mut self, packed: &[u8]) -> Result<(usize, &[u8]), Failed> {
        // The first bytes come alone: what follows them does not matter unless they are those of a photo.
        let most = HEAD_BYTES.checked_sub(self.head.len()).filter(|missing| *missing > 0).unwrap_or(PIECE_BYTES);
        let output = self.piece.get_mut(..most).unwrap_or_default();
        let (read, written) = if let Some(inflate) = &mut self.inflate {
            if self.is_at_end {
                return if packed.is_empty() { Ok((0, &[])) } else { Err(Failed::Damaged) };
            }
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(packed, output, FlushDecompress::None);
            self.is_at_end = match status {
                Ok(Status::StreamEnd) => true,
                Ok(Status::Ok) => false,
                Ok(Status::BufError) if packed.is_empty() => false,
                Ok(Status::BufError) | Err(_) => return Err(Failed::Damaged),
            };
            let count = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            (count(inflate.total_in() - before_in), count(inflate.total_out() - before_out))
        } else {
            let length = packed.len().min(most);
            if let (Some(to), Some(from)) = (output.get_mut(..length), packed.get(..length)) {
                to.copy_from_slice(from);
            }
            (length, length)
        };
        let unpacked = self.piece.get(..written).unwrap_or_default();
        self.crc.update(unpacked);
        self.size += written as u64;
        if self.head.len() < HEAD_BYTES {
            self.head.extend_from_slice(unpacked);
        } else if self.size > self.most {
            return Err(self.too_long);
        }
        Ok((read, unpacked))
    }

    /// Whether enough is unpacked for [`Inflated::kind`].
    #[must_use]
    pub const fn has_head(&self) -> bool {
        self.head.len() >= HEAD_BYTES
    }

    /// The type of the photo, by its first bytes, once they or all bytes are unpacked.
    ///
    /// # Errors
    /// Why the entry is skipped, and [`Failed::Damaged`] if its first bytes are missing.
    pub fn kind(&self) -> Result<PhotoType, Reason> {
        if !self.has_head() && !self.is_complete() {
            return Err(Failed::Damaged.into());
        }
        Ok(entry::kind(&self.head)?)
    }

    /// Whether the packed bytes so far end where the entry does.
    const fn is_complete(&self) -> bool {
        self.is_at_end || self.inflate.is_none()
    }

    /// Checks, after the last packed byte, that the entry is what the directory declares.
    ///
    /// # Errors
    /// [`Failed::Damaged`].
    pub fn finish(&self, entry: &Listed) -> Result<(), Failed> {
        let matches = self.size == entry.size && self.crc.sum() == entry.crc;
        if self.is_complete() && matches { Ok(()) } else { Err(Failed::Damaged) }
    }
}
