//! Writes all of a ZIP archive except the bytes of its files. The files are stored as they are (method 0). Their
//! headers have sizes and checksums, so a reader needs no directory to find them.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// Signatures from APPNOTE.TXT: 4.3.7, 4.3.12, 4.3.14, 4.3.15 and 4.3.16.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_RECORD: &[u8] = b"PK\x01\x02";
const ZIP64_END: &[u8] = b"PK\x06\x06";
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const END: &[u8] = b"PK\x05\x06";

/// The versions of the format that a reader must know: for files without ZIP64 and with it (4.4.3).
const VERSION: u16 = 20;
const ZIP64_VERSION: u16 = 45;

/// The upper byte of "version made by": the attributes are those of Unix (4.4.2).
const UNIX: u16 = 3 << 8;

/// A file that its owner can write and everybody can read (`inode(7)`), in the upper half of the external attributes.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// Flag 11: the name is UTF-8 (4.4.4).
const UTF8: u16 = 1 << 11;

/// The extra field of ZIP64 (4.5.3).
const ZIP64_FIELD: u16 = 1;

/// The length of the ZIP64 end record after its own length (4.3.14.1).
const ZIP64_END_BYTES: u64 = 44;

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The path in the archive.
    pub name: String,
    pub size: u64,
    pub crc: u32,
    pub modified: Modified,
}

/// A local time as archives store it: from 1980 to 2107, in steps of two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    time: u16,
    date: u16,
}

impl Modified {
    /// The time, rounded down, or the nearest one that an archive can store.
    #[must_use]
    pub fn new(local: DateTime) -> Self {
        let (first, last) =
            (DateTime::constant(1980, 1, 1, 0, 0, 0, 0), DateTime::constant(2107, 12, 31, 23, 59, 58, 0));
        let local = local.clamp(first, last);
        let bits = |number: i8, shift: u32| u16::from(number.unsigned_abs()) << shift;
        let years = (local.year() - 1980).unsigned_abs();
        Self {
            time: bits(local.hour(), 11) | bits(local.minute(), 5) | bits(local.second() / 2, 0),
            date: years << 9 | bits(local.month(), 5) | bits(local.day(), 0),
        }
    }
}

/// The header before the bytes of a file.
#[must_use]
pub fn local_header(file: &StoredFile) -> Vec<u8> {
    let extra = if is_long(file.size) { zip64_field(&[file.size, file.size]) } else { Vec::new() };
    [LOCAL_HEADER, &described(file, &extra), file.name.as_bytes(), &extra].concat()
}

/// The record of a file in the directory. `offset` is the position of the file's header in the archive.
#[must_use]
pub fn directory_record(file: &StoredFile, offset: u64) -> Vec<u8> {
    let mut long = Vec::new();
    if is_long(file.size) {
        long.extend([file.size, file.size]);
    }
    if is_long(offset) {
        long.push(offset);
    }
    let extra = if long.is_empty() { Vec::new() } else { zip64_field(&long) };
    let mut record = [DIRECTORY_RECORD, &(UNIX | ZIP64_VERSION).to_le_bytes(), &described(file, &extra)].concat();
    // The length of the comment, the disk, and the internal attributes.
    record.extend_from_slice(&[0; 6]);
    record.extend_from_slice(&ATTRIBUTES.to_le_bytes());
    record.extend_from_slice(&short(offset).to_le_bytes());
    record.extend_from_slice(file.name.as_bytes());
    record.extend_from_slice(&extra);
    record
}

/// What follows a directory of `files` records and `size` bytes at `offset`.
#[must_use]
pub fn end_of_directory(files: u64, offset: u64, size: u64) -> Vec<u8> {
    let mut end = Vec::new();
    let count = u16::try_from(files).unwrap_or(u16::MAX);
    if count == u16::MAX || is_long(offset) || is_long(size) {
        end.extend_from_slice(ZIP64_END);
        end.extend_from_slice(&ZIP64_END_BYTES.to_le_bytes());
        end.extend_from_slice(&(UNIX | ZIP64_VERSION).to_le_bytes());
        end.extend_from_slice(&ZIP64_VERSION.to_le_bytes());
        // The numbers of this disk and of the one with the directory.
        end.extend_from_slice(&[0; 8]);
        end.extend([files, files, size, offset].iter().flat_map(|number| number.to_le_bytes()));
        end.extend_from_slice(ZIP64_LOCATOR);
        end.extend_from_slice(&[0; 4]);
        end.extend_from_slice(&(offset + size).to_le_bytes());
        // The number of disks.
        end.extend_from_slice(&1_u32.to_le_bytes());
    }
    end.extend_from_slice(END);
    end.extend_from_slice(&[0; 4]);
    end.extend([count, count].iter().flat_map(|number| number.to_le_bytes()));
    end.extend([short(size), short(offset)].iter().flat_map(|number| number.to_le_bytes()));
    // The length of the comment.
    end.extend_from_slice(&[0; 2]);
    end
}

/// What the header and the record of a file have in common: from the version to the length of the extra fields.
fn described(file: &StoredFile, extra: &[u8]) -> Vec<u8> {
    let version = if extra.is_empty() { VERSION } else { ZIP64_VERSION };
    let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX);
    let mut fields = Vec::new();
    // 0 is the method.
    for number in [version, UTF8, 0, file.modified.time, file.modified.date] {
        fields.extend_from_slice(&number.to_le_bytes());
    }
    for number in [file.crc, short(file.size), short(file.size)] {
        fields.extend_from_slice(&number.to_le_bytes());
    }
    for number in [length(file.name.len()), length(extra.len())] {
        fields.extend_from_slice(&number.to_le_bytes());
    }
    fields
}

/// Whether a number is in an extra field, because four bytes are too few for it.
fn is_long(number: u64) -> bool {
    number >= u64::from(u32::MAX)
}

/// A number in four bytes; all ones if it is too long for them (4.4.1.4).
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn zip64_field(numbers: &[u64]) -> Vec<u8> {
    let length = u16::try_from(numbers.len() * 8).unwrap_or(u16::MAX);
    let mut field = [ZIP64_FIELD.to_le_bytes(), length.to_le_bytes()].concat();
    field.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    field
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use flate2::Crc;
    use jiff::civil::date;
    use proptest::prelude::*;
    use rawzip::{ReaderAt, ZipLocator};

    use super::*;
    use crate::archive::{View, plan};

    fn file(name: &str, bytes: &[u8]) -> StoredFile {
        let mut crc = Crc::new();
        crc.update(bytes);
        let modified = Modified::new(date(2026, 11, 21).at(12, 34, 57, 0));
        StoredFile { name: name.to_owned(), size: bytes.len() as u64, crc: crc.sum(), modified }
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for (name, bytes) in files {
            let file = file(name, bytes);
            directory.extend(directory_record(&file, archive.len() as u64));
            archive.extend(local_header(&file));
            archive.extend_from_slice(bytes);
        }
        let end = end_of_directory(files.len() as u64, archive.len() as u64, directory.len() as u64);
        [archive, directory, end].concat()
    }

    #[test]
    fn another_program_reads_the_archive() {
        let files: [(&str, &[u8]); 3] = [("2026/11/a.jpg", b"abc"), ("2026/11/é 🏖.jpg", b""), ("photos.json", b"[]")];
        let mut read = zip::ZipArchive::new(Cursor::new(archive(&files))).unwrap();
        assert_eq!(read.len(), files.len());
        for (at, (name, bytes)) in files.into_iter().enumerate() {
            let mut entry = read.by_index(at).unwrap();
            assert_eq!(entry.name().unwrap(), name);
            assert_eq!((entry.compression(), entry.unix_mode()), (zip::CompressionMethod::Stored, Some(0o100_644)));
            assert_eq!(entry.last_modified().unwrap().to_string(), "2026-11-21 12:34:56");
            let mut content = Vec::new();
            io::copy(&mut entry, &mut content).unwrap();
            assert_eq!(content, bytes);
        }
    }

    #[test]
    fn an_empty_archive_can_be_read() {
        assert_eq!(zip::ZipArchive::new(Cursor::new(archive(&[]))).unwrap().len(), 0);
    }

    #[test]
    fn a_time_before_1980_or_after_2107_is_moved() {
        let times = [date(-1, 3, 4), date(1979, 12, 31), date(1980, 1, 1)].map(|day| Modified::new(day.at(0, 0, 0, 0)));
        assert_eq!(times, [Modified { time: 0, date: 1 << 5 | 1 }; 3]);
        let last = Modified::new(date(2107, 12, 31).at(23, 59, 59, 0));
        assert_eq!(Modified::new(date(9999, 1, 1).at(0, 0, 0, 0)), last);
    }

    /// A file of any length. All bytes are zero, except those in these places.
    struct Sparse(u64, Vec<(u64, Vec<u8>)>);

    impl ReaderAt for Sparse {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let length = usize::try_from(self.0.saturating_sub(offset)).unwrap().min(buffer.len());
            buffer[..length].fill(0);
            for (at, bytes) in &self.1 {
                for (byte, place) in bytes.iter().zip(*at..) {
                    if (offset..offset + length as u64).contains(&place) {
                        buffer[usize::try_from(place - offset).unwrap()] = *byte;
                    }
                }
            }
            Ok(length)
        }
    }

    /// An archive of these files, whose bytes are zero, after so many other bytes.
    fn sparse(before: u64, files: &[StoredFile]) -> Sparse {
        let (mut places, mut directory, mut at) = (Vec::new(), Vec::new(), 0);
        for file in files {
            let header = local_header(file);
            directory.extend(directory_record(file, at));
            let next = at + header.len() as u64 + file.size;
            places.push((before + at, header));
            at = next;
        }
        let end = [&directory[..], &end_of_directory(files.len() as u64, at, directory.len() as u64)].concat();
        let length = before + at + end.len() as u64;
        places.push((before + at, end));
        Sparse(length, places)
    }

    proptest! {
        /// Sizes and offsets up to 4 GiB, around that limit, and beyond it.
        #[test]
        fn sizes_and_offsets_of_any_length_are_read_again(
            sizes in proptest::collection::vec(
                prop_oneof![0_u64..1_000, (u64::from(u32::MAX) - 2)..(u64::from(u32::MAX) + 3), 0_u64..1 << 36], 1..8,
            ),
        ) {
            let files: Vec<_> = sizes.iter().enumerate().map(|(index, size)| {
                StoredFile { size: *size, crc: 7, ..file(&format!("{index}.jpg"), b"") }
            }).collect();
            let sparse = sparse(0, &files);
            let mut buffer = vec![0; 64 * 1024];
            let read = ZipLocator::new().locate_in_reader(&sparse, &mut buffer, sparse.0).map_err(|(_, error)| error);
            let read = read.unwrap();
            let mut entries = read.entries(&mut buffer);
            let mut places = sparse.1.iter();
            for file in &files {
                let record = entries.next_entry().unwrap().unwrap();
                let (offset, header) = places.next().unwrap();
                prop_assert_eq!(record.file_path().as_bytes(), file.name.as_bytes());
                let hints = (record.uncompressed_size_hint(), record.compressed_size_hint());
                prop_assert_eq!(hints, (file.size, file.size));
                prop_assert_eq!((record.crc32(), record.local_header_offset()), (file.crc, *offset));
                let data = read.get_entry(record.wayfinder()).unwrap().compressed_data_range();
                prop_assert_eq!(data, (offset + header.len() as u64, offset + header.len() as u64 + file.size));
            }
            prop_assert!(entries.next_entry().unwrap().is_none());
        }
    }

    #[test]
    fn archives_of_more_than_4_gib_are_planned() {
        let size = 3_u64 << 30;
        for before in [0, 1_000] {
            let files = ["a.jpg", "b.jpg", "c.jpg"].map(|name| StoredFile { size, ..file(name, b"") });
            let archive = sparse(before, &files);
            let length = archive.0;
            let view = View::new(archive, length).find(3).unwrap();
            assert_eq!(view.start, before);
            let plan = plan(&view, 3).unwrap();
            assert_eq!((plan.entries, plan.bytes, plan.chunks.len()), (3, 3 * size, 3));
        }
    }

    #[test]
    fn more_than_65535_files_need_zip64() {
        let names: Vec<_> = (0..70_000).map(|index| format!("{index}.jpg")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert_eq!(zip::ZipArchive::new(Cursor::new(archive(&files))).unwrap().len(), 70_000);
    }
}
