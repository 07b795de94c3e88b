use std::io::{self, Cursor};

use bytes::Bytes;
use rawzip::{Error, ReaderAt, ZipArchive, ZipFileHeaderRecord, ZipLocator, ZipSliceArchive};

use super::ArchiveError;

/// Signatures from APPNOTE.TXT: 4.3.7, 4.3.12, 4.3.15 and 4.3.14.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const ZIP64_END: &[u8] = b"PK\x06\x06";

/// The number of attempts to find the end of the directory and the start of the archive. Each is a pass over the end of
/// the archive, and a well-formed archive needs at most two.
const MAX_ATTEMPTS: usize = 4;

/// How much of the end of a file is searched for the end of a directory. This is more than `/unzip` accepts at all, so
/// that both ways of sending an archive find the same one.
const SEARCHED_BYTES: u64 = 16 << 20;

/// Holds the longest record of a directory: three variable fields of 65,535 bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file with an archive in it. Offsets count from the start of the archive itself: other data may precede it.
#[derive(Debug)]
pub struct View<R> {
    reader: R,
    /// The length of the whole file.
    length: u64,
    /// Where the archive starts in the file.
    pub start: u64,
    /// The positions in the file of signatures that must be ignored: they are shown as zeros.
    pub hidden: Vec<u64>,
}

impl<R: ReaderAt> ReaderAt for View<R> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(from) = self.start.checked_add(offset) else { return Ok(0) };
        let read = self.reader.read_at(buffer, from)?;
        for hidden in &self.hidden {
            let at = hidden.checked_sub(from).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < read);
            if let Some(byte) = at.and_then(|at| buffer.get_mut(at)) {
                *byte = 0;
            }
        }
        Ok(read)
    }
}

impl<R: ReaderAt> View<R> {
    /// A file of `length` bytes.
    pub const fn new(reader: R, length: u64) -> Self {
        Self { reader, length, start: 0, hidden: Vec::new() }
    }

    /// The length of the archive and of what follows it.
    pub const fn length(&self) -> u64 {
        self.length.saturating_sub(self.start)
    }

    /// The archive whose end comes last in the file.
    ///
    /// # Errors
    /// If there is none, or its end is damaged.
    pub(super) fn locate(&self) -> Result<ZipArchive<&Self>, Error> {
        let locator = ZipLocator::new().max_search_space(SEARCHED_BYTES);
        let mut buffer = vec![0; BUFFER_BYTES];
        locator.locate_in_reader(self, &mut buffer, self.length()).map_err(|(_, error)| error)
    }

    /// Finds the archive in the file. Other data may precede it (a self-extracting program) and follow it.
    ///
    /// # Errors
    /// If there is no archive, its directory is damaged, or it has more than `max_entries` entries.
    pub fn find(mut self, max_entries: usize) -> Result<Self, ArchiveError> {
        let begins_here = self.has(0, LOCAL_HEADER);
        let mut error = if begins_here { ArchiveError::Damaged } else { ArchiveError::NotAnArchive };
        for _ in 0..MAX_ATTEMPTS {
            let (end, start) = match self.locate() {
                Ok(archive) => {
                    let start = self.start_of(&archive);
                    if start == 0 {
                        match walk(&archive, max_entries, |_, _| ()) {
                            Err(ArchiveError::TooManyEntries { limit }) => {
                                return Err(ArchiveError::TooManyEntries { limit });
                            }
                            Err(_) => {}
                            Ok(_) => return Ok(self),
                        }
                    }
                    (archive.eocd_offset(), start)
                }
                Err(why) => {
                    let Some(end) = why.eocd_offset() else { break };
                    (end, self.zip64_start(end).unwrap_or(0))
                }
            };
            error = ArchiveError::Damaged;
            if start == 0 && !self.follows_directory(end) {
                // The comment of an archive, or the data after it, contains the signature of a directory's end. It
                // hides the real end from the locator, so hide it. No entry has its data there.
                self.hidden.push(self.start + end);
            } else if start > 0 && start < self.length() && !begins_here {
                self.start += start;
            } else {
                // Either this archive is damaged, or this is the end of an archive inside it: a truncated archive may
                // contain a complete one.
                break;
            }
        }
        Err(error)
    }

    /// Checks that the file ends like an archive, without reading its directory.
    ///
    /// # Errors
    /// [`ArchiveError::NotAnArchive`], and [`ArchiveError::Damaged`] if the end is missing or unreadable.
    pub fn check_end(&self) -> Result<(), ArchiveError> {
        match self.locate() {
            Ok(_) => Ok(()),
            Err(error) if error.eocd_offset().is_some() => Ok(()),
            Err(_) if self.has(0, LOCAL_HEADER) => Err(ArchiveError::Damaged),
            Err(_) => Err(ArchiveError::NotAnArchive),
        }
    }

    /// The number of bytes before the archive: the difference between the actual and the declared offset of its
    /// directory (APPNOTE.TXT, 4.3.16).
    fn start_of(&self, archive: &ZipArchive<&Self>) -> u64 {
        let start = || {
            let end = archive.eocd_offset();
            let size = self.le_u32(end + 12)?;
            let offset = self.le_u32(end + 16)?;
            if offset == u32::MAX {
                // A directory beyond 4 GiB: only the ZIP64 end record has its offset.
                return self.zip64_start(end);
            }
            // The locator finds a shifted directory by its first entry, which an empty archive does not have.
            let found = if archive.entries_hint() == 0 && size == 0 { end } else { archive.directory_offset() };
            found.checked_sub(u64::from(offset))
        };
        start().unwrap_or(0)
    }

    /// As [`View::start_of`], for a ZIP64 archive. If other data precedes it, `ZipLocator` finds nothing but its end.
    /// The ZIP64 locator declares the offset of the ZIP64 end record (4.3.15). The record is 56 bytes long (4.3.14) and
    /// ends where the locator starts.
    fn zip64_start(&self, end: u64) -> Option<u64> {
        let locator = end.checked_sub(20)?;
        let record = locator.checked_sub(56)?;
        if !self.has(locator, ZIP64_LOCATOR) || !self.has(record, ZIP64_END) {
            return None;
        }
        record.checked_sub(u64::from_le_bytes(self.bytes(locator + 8)?))
    }

    /// Whether a directory of the size declared at `end` lies right before `end`.
    fn follows_directory(&self, end: u64) -> bool {
        let directory = self.le_u32(end + 12).and_then(|size| end.checked_sub(u64::from(size)));
        directory.is_some_and(|directory| self.has(directory, DIRECTORY_HEADER))
    }

    fn has(&self, at: u64, signature: &[u8]) -> bool {
        self.bytes(at).is_some_and(|bytes: [u8; 4]| bytes == signature)
    }

    fn le_u32(&self, at: u64) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact_at(&mut bytes, at).ok().map(|()| bytes)
    }
}

/// Finds the archive in `bytes`, as [`View::find`] does.
///
/// # Errors
/// Those of [`View::find`].
pub(super) fn find(bytes: Bytes, max_entries: usize) -> Result<ZipSliceArchive<Bytes>, ArchiveError> {
    let length = bytes.len() as u64;
    let View { reader, start, hidden, .. } = View::new(Cursor::new(bytes), length).find(max_entries)?;
    let mut bytes = reader.into_inner();
    if !hidden.is_empty() {
        let mut shown = Vec::from(bytes);
        for at in hidden {
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| shown.get_mut(at)) {
                *byte = 0;
            }
        }
        bytes = shown.into();
    }
    let bytes = bytes.slice(usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len())..);
    ZipLocator::new().max_search_space(SEARCHED_BYTES).locate_in_slice(bytes).map_err(|_| ArchiveError::Damaged)
}

/// Visits the entries in the order of the directory, including duplicates, and returns their number. All entries in the
/// directory are read, even if the archive declares fewer. If it declares more, some are unreadable and would be lost,
/// so the archive is damaged.
///
/// # Errors
/// [`ArchiveError::TooManyEntries`], and [`ArchiveError::Damaged`] if the first entry is unreadable or there are fewer
/// entries than declared.
pub(super) fn walk<R: ReaderAt>(
    archive: &ZipArchive<R>,
    max_entries: usize,
    mut visit: impl FnMut(usize, &ZipFileHeaderRecord<'_>),
) -> Result<usize, ArchiveError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut entries = archive.entries(&mut buffer);
    let mut found = 0;
    loop {
        match entries.next_entry() {
            Ok(Some(_)) if found >= max_entries => return Err(ArchiveError::TooManyEntries { limit: max_entries }),
            Ok(Some(record)) => visit(found, &record),
            // Other data may follow a complete directory, but must not replace it.
            Err(_) if found == 0 => return Err(ArchiveError::Damaged),
            Ok(None) | Err(_) => break,
        }
        found += 1;
    }
    if found as u64 >= archive.entries_hint() { Ok(found) } else { Err(ArchiveError::Damaged) }
}
