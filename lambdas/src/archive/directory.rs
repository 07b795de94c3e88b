use bytes::Bytes;
use rawzip::{ZipFileHeaderRecord, ZipLocator, ZipSliceArchive};

use super::ArchiveError;

/// Signatures from APPNOTE.TXT: 4.3.7, 4.3.12, 4.3.15 and 4.3.14.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const ZIP64_END: &[u8] = b"PK\x06\x06";

/// The number of attempts to find the end of the directory and the start of the archive. Each is a pass over the
/// archive, and a well-formed archive needs at most two.
const MAX_ATTEMPTS: usize = 4;

/// Finds the archive in `bytes`. Other data may precede it (a self-extracting program) and follow it. The offsets in
/// the result count from the start of the archive itself.
///
/// # Errors
/// If there is no archive, its directory is damaged, or it has more than `max_entries` entries.
pub(super) fn find(mut bytes: Bytes, max_entries: usize) -> Result<ZipSliceArchive<Bytes>, ArchiveError> {
    let begins_here = bytes.starts_with(LOCAL_HEADER);
    let mut error = if begins_here { ArchiveError::Damaged } else { ArchiveError::NotAnArchive };
    let locator = ZipLocator::new().max_search_space(u64::MAX);
    for _ in 0..MAX_ATTEMPTS {
        let (end, start) = match locator.locate_in_slice(bytes.clone()) {
            Ok(archive) => {
                let start = start(&archive);
                if start == 0 {
                    match list(&archive, max_entries) {
                        Err(ArchiveError::Damaged | ArchiveError::NotAnArchive) => {}
                        Err(too_many @ ArchiveError::TooManyEntries { .. }) => {
                            return Err(too_many);
                        }
                        Ok(_) => return Ok(archive),
                    }
                }
                (archive.eocd_offset(), start)
            }
            Err((_, why)) => {
                let Some(end) = why.eocd_offset() else { break };
                (end, zip64_start(&bytes, end).unwrap_or(0))
            }
        };
        error = ArchiveError::Damaged;
        if start == 0 && !follows_directory(&bytes, end) {
            // The comment of an archive, or the data after it, contains the signature of a directory's end. It hides
            // the real end from the locator, so overwrite it. No entry has its data there.
            bytes = without_signature(bytes, end);
        } else if start > 0 && start < bytes.len() && !begins_here {
            bytes = bytes.slice(start..);
        } else {
            // Either this archive is damaged, or this is the end of an archive inside it: a truncated archive may
            // contain a complete one.
            break;
        }
    }
    Err(error)
}

/// The entries in the order of the directory, including duplicates. All entries in the directory are read, even if the
/// archive declares fewer. If it declares more, some are unreadable and would be lost, so the archive is damaged.
///
/// # Errors
/// [`ArchiveError::TooManyEntries`], and [`ArchiveError::Damaged`] if the first entry is unreadable or there are fewer
/// entries than declared.
pub(super) fn list(
    archive: &ZipSliceArchive<Bytes>,
    max_entries: usize,
) -> Result<Vec<ZipFileHeaderRecord<'_>>, ArchiveError> {
    let mut records = Vec::new();
    for record in archive.entries() {
        match record {
            Ok(_) if records.len() >= max_entries => return Err(ArchiveError::TooManyEntries { limit: max_entries }),
            Ok(record) => records.push(record),
            // Other data may follow a complete directory, but must not replace it.
            Err(_) if records.is_empty() => return Err(ArchiveError::Damaged),
            Err(_) => break,
        }
    }
    let declared = archive.entries_hint();
    if u64::try_from(records.len()).is_ok_and(|found| found >= declared) {
        Ok(records)
    } else {
        Err(ArchiveError::Damaged)
    }
}

/// The number of bytes before the archive: the difference between the actual and the declared offset of its directory
/// (APPNOTE.TXT, 4.3.16).
fn start(archive: &ZipSliceArchive<Bytes>) -> usize {
    let bytes = archive.get_ref();
    let start = || {
        let end = usize::try_from(archive.eocd_offset()).ok()?;
        let size = le_u32(bytes, end + 12)?;
        let offset = le_u32(bytes, end + 16)?;
        // The locator finds a shifted directory by its first entry, which an empty archive does not have.
        let found = if archive.entries_hint() == 0 && size == 0 {
            end
        } else {
            usize::try_from(archive.directory_offset()).ok()?
        };
        found.checked_sub(usize::try_from(offset).ok()?)
    };
    start().unwrap_or(0)
}

/// As [`start`], for a ZIP64 archive, which `ZipLocator` does not find if other data precedes it. The ZIP64 locator
/// declares the offset of the ZIP64 end record (4.3.15). The record is 56 bytes long (4.3.14) and ends where the
/// locator starts.
fn zip64_start(bytes: &Bytes, end: u64) -> Option<usize> {
    let locator = usize::try_from(end).ok()?.checked_sub(20)?;
    let record = locator.checked_sub(56)?;
    if !bytes.get(locator..)?.starts_with(ZIP64_LOCATOR) || !bytes.get(record..)?.starts_with(ZIP64_END) {
        return None;
    }
    let declared = u64::from_le_bytes(bytes.get(locator + 8..locator + 16)?.try_into().ok()?);
    record.checked_sub(usize::try_from(declared).ok()?)
}

/// Whether a directory of the size declared at `end` lies right before `end`.
fn follows_directory(bytes: &Bytes, end: u64) -> bool {
    let directory = || {
        let end = usize::try_from(end).ok()?;
        bytes.get(end.checked_sub(usize::try_from(le_u32(bytes, end + 12)?).ok()?)?..)
    };
    directory().is_some_and(|directory| directory.starts_with(DIRECTORY_HEADER))
}

fn le_u32(bytes: &Bytes, at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn without_signature(bytes: Bytes, at: u64) -> Bytes {
    let mut bytes = Vec::from(bytes);
    if let Some(signature) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
        *signature = 0;
    }
    bytes.into()
}
