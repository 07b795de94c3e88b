//! A chunk of an archive as a small archive of its own, so that [`super::process`] unpacks it like any other.

use bytes::Bytes;
use rawzip::{ZipArchive, ZipFileHeaderRecord};

use super::{ArchiveError, entry, name};

/// The bytes between two entries that are read together: a local header may have 65,535 bytes of extra fields that the
/// directory does not tell.
pub(super) const GAP: u64 = 64 * 1024;

/// The length of a directory record without its variable fields, and of a local header (APPNOTE.TXT, 4.3.12 and 4.3.7).
const RECORD_BYTES: usize = 46;
const LOCAL_BYTES: u64 = 30;

/// Where a directory record has the sizes and the offset of its entry.
const PACKED_SIZE: usize = 20;
const OFFSET: usize = 42;

/// An offset that is in no chunk.
const NOWHERE: u32 = u32::MAX - 1;

/// An entry of a chunk.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The index in the whole archive's directory.
    pub index: u32,
    /// The full name in the archive.
    pub name: String,
    /// Packed and unpacked, as the directory declares.
    pub packed: u64,
    pub size: u64,
    pub crc: u32,
    pub is_deflated: bool,
    record: Vec<u8>,
    /// Where its header and its data are, from the start of the archive; `None` if it is not read, or if they would be
    /// outside of the archive.
    extent: Option<(u64, u64)>,
}

impl Listed {
    /// The name in the archive, shortened and without control characters.
    #[must_use]
    pub fn shown(&self) -> String {
        name::shown(&self.name)
    }

    /// Where its header and its data are, from the start of the archive.
    #[must_use]
    pub const fn extent(&self) -> Option<(u64, u64)> {
        self.extent
    }

    /// An archive of the entry's header alone, from the first bytes of its extent.
    pub(super) fn header_only(&self, first: &[u8]) -> Vec<u8> {
        let mut record = self.record.clone();
        set(&mut record, PACKED_SIZE, 0);
        set(&mut record, OFFSET, 0);
        with_directory(first.to_vec(), [record].into_iter())
    }
}

/// Where an entry's local header and data are at least; `None` if they are not within an archive of `length` bytes.
pub(super) fn extent(record: &ZipFileHeaderRecord<'_>, length: u64) -> Option<(u64, u64)> {
    let start = record.local_header_offset();
    let header = LOCAL_BYTES + record.file_path().as_bytes().len() as u64;
    let end = start.checked_add(header)?.checked_add(record.compressed_size_hint())?;
    (end <= length).then_some((start, end))
}

/// Whether the entry's data are read: not those of folders, links, hidden and encrypted files.
pub(super) fn has_data(record: &ZipFileHeaderRecord<'_>, name: &str) -> bool {
    entry::check(record, name).is_ok()
}

/// The entries whose directory records `directory` begins with. `length` is that of the archive.
///
/// # Errors
/// [`ArchiveError::Damaged`] if there are fewer than `entries`.
pub fn list(directory: &[u8], first: u32, entries: u32, length: u64) -> Result<Vec<Listed>, ArchiveError> {
    let archive = with_directory(Vec::new(), [directory].into_iter());
    let archive = ZipArchive::from_slice(&archive).map_err(|_| ArchiveError::Damaged)?;
    let mut listed = Vec::new();
    for (index, record) in (first..first.saturating_add(entries)).zip(archive.entries().map_while(Result::ok)) {
        let at = usize::try_from(record.central_directory_offset()).unwrap_or(usize::MAX);
        let name = name::decode(&record);
        let extent = extent(&record, length).filter(|_| has_data(&record, &name));
        listed.push(Listed {
            index,
            extent,
            packed: record.compressed_size_hint(),
            size: record.uncompressed_size_hint(),
            crc: record.crc32(),
            is_deflated: record.compression_method() == rawzip::CompressionMethod::DEFLATE,
            record: one_record(directory, at).ok_or(ArchiveError::Damaged)?.to_vec(),
            name,
        });
    }
    if u32::try_from(listed.len()) == Ok(entries) { Ok(listed) } else { Err(ArchiveError::Damaged) }
}

/// The ranges of an archive of `length` bytes that contain these entries, in order. Each byte is in at most one.
#[must_use]
pub fn ranges(entries: &[Listed], length: u64) -> Vec<(u64, u64)> {
    let mut extents: Vec<_> = entries.iter().filter_map(|entry| entry.extent).collect();
    extents.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (start, end) in extents {
        let end = end.saturating_add(GAP).min(length);
        match ranges.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => ranges.push((start, end)),
        }
    }
    ranges
}

/// An archive of these entries alone, from the bytes of their [`ranges`].
#[must_use]
pub fn gather(entries: &[Listed], ranges: &[((u64, u64), Bytes)]) -> Bytes {
    let mut data = Vec::with_capacity(ranges.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + 1024);
    let mut places = Vec::new();
    for ((from, to), bytes) in ranges {
        places.push((*from, *to, data.len() as u64));
        data.extend_from_slice(bytes);
    }
    let place = |(start, _): (u64, u64)| {
        let (from, _, at) = places.iter().find(|(from, to, _)| (*from..*to).contains(&start))?;
        u32::try_from(at + start - from).ok()
    };
    let records = entries.iter().map(|entry| {
        let mut record = entry.record.clone();
        set(&mut record, OFFSET, entry.extent.and_then(place).unwrap_or(NOWHERE));
        record
    });
    with_directory(data, records).into()
}

/// The first record of a directory from `at`.
fn one_record(directory: &[u8], at: usize) -> Option<&[u8]> {
    let record = directory.get(at..)?;
    let length = |at: usize| Some(usize::from(u16::from_le_bytes(record.get(at..at + 2)?.try_into().ok()?)));
    record.get(..RECORD_BYTES + length(28)? + length(30)? + length(32)?)
}

fn set(record: &mut [u8], at: usize, value: u32) {
    if let Some(field) = record.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_le_bytes());
    }
}

/// Appends a directory and its end (APPNOTE.TXT, 4.3.16). The end declares no entries: all that are there are read.
fn with_directory(mut data: Vec<u8>, records: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let le = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let offset = data.len();
    for record in records {
        data.extend_from_slice(record.as_ref());
    }
    let size = data.len() - offset;
    // Where a ZIP64 locator would be, there is none, whatever the last record ends with.
    data.extend_from_slice(&[0; 20]);
    data.extend_from_slice(b"PK\x05\x06\0\0\0\0\0\0\0\0");
    data.extend_from_slice(&le(size));
    data.extend_from_slice(&le(offset));
    data.extend_from_slice(&[0; 2]);
    data
}
