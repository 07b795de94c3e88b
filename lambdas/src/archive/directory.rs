use bytes::Bytes;
use rawzip::{ZipFileHeaderRecord, ZipLocator, ZipSliceArchive};

use super::ArchiveError;

/// Signatures of APPNOTE.TXT: 4.3.7, 4.3.12, 4.3.15 and 4.3.14.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const ZIP64_END: &[u8] = b"PK\x06\x06";

/// How often another end of the directory, or another beginning of the archive, is looked for. Each time costs a pass
/// over the archive, and no honest one needs more than two.
const MAX_TRIES: usize = 4;

/// Finds the archive in the bytes: something else may come before it (a program that unpacks it) and after it. The
/// offsets in what is returned count from the archive's own beginning.
///
/// # Errors
/// When there is none, its directory cannot be read to its end, or has more than `max_entries` entries.
pub(super) fn find(mut bytes: Bytes, max_entries: usize) -> Result<ZipSliceArchive<Bytes>, ArchiveError> {
    let begins_here = bytes.starts_with(LOCAL_HEADER);
    let mut error = if begins_here { ArchiveError::Damaged } else { ArchiveError::NotAnArchive };
    let locator = ZipLocator::new().max_search_space(u64::MAX);
    for _ in 0..MAX_TRIES {
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
            // Bytes that look like the end of a directory, in the comment of an archive or behind it, hide the real
            // end from the locator. Nothing that is unpacked lies there.
            bytes = without_signature(bytes, end);
        } else if start > 0 && start < bytes.len() && !begins_here {
            bytes = bytes.slice(start..);
        } else {
            // The end of this archive, but not of a whole one. Or one of an archive that begins later: what is left of
            // a truncated archive may hold another.
            break;
        }
    }
    Err(error)
}

/// The entries, in the directory's order, duplicates too. The directory ends where its bytes do, however few entries the
/// archive declares. But when it declares more than there are, some cannot be read, and would be lost.
///
/// # Errors
/// [`ArchiveError::TooManyEntries`], and [`ArchiveError::Damaged`] when the directory breaks off.
pub(super) fn list(
    archive: &ZipSliceArchive<Bytes>,
    max_entries: usize,
) -> Result<Vec<ZipFileHeaderRecord<'_>>, ArchiveError> {
    let mut records = Vec::new();
    for record in archive.entries() {
        match record {
            Ok(_) if records.len() >= max_entries => return Err(ArchiveError::TooManyEntries { limit: max_entries }),
            Ok(record) => records.push(record),
            // Whatever it is, it may come after a whole directory, but not in place of one.
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

/// How many bytes come before the archive: as many as its directory lies further back than it says (APPNOTE.TXT,
/// 4.3.16).
fn start(archive: &ZipSliceArchive<Bytes>) -> usize {
    let bytes = archive.get_ref();
    let start = || {
        let end = usize::try_from(archive.eocd_offset()).ok()?;
        let size = le_u32(bytes, end + 12)?;
        let offset = le_u32(bytes, end + 16)?;
        // The locator looks for an entry where the directory should be, so it cannot move the directory of none.
        let found = if archive.entries_hint() == 0 && size == 0 {
            end
        } else {
            usize::try_from(archive.directory_offset()).ok()?
        };
        found.checked_sub(usize::try_from(offset).ok()?)
    };
    start().unwrap_or(0)
}

/// The same for a ZIP64 archive, which the locator does not find when something comes before it: its locator says where
/// its end record should be (4.3.15), and that lies, 56 bytes long (4.3.14), right before the locator.
fn zip64_start(bytes: &Bytes, end: u64) -> Option<usize> {
    let locator = usize::try_from(end).ok()?.checked_sub(20)?;
    let record = locator.checked_sub(56)?;
    if !bytes.get(locator..)?.starts_with(ZIP64_LOCATOR) || !bytes.get(record..)?.starts_with(ZIP64_END) {
        return None;
    }
    let declared = u64::from_le_bytes(bytes.get(locator + 8..locator + 16)?.try_into().ok()?);
    record.checked_sub(usize::try_from(declared).ok()?)
}

/// Whether there is a directory of the size that its end names right before that.
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
