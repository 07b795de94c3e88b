//! A ZIP64 archive of equal photos, generated rather than stored. The numbers of sections are those of APPNOTE.TXT.

use hyper::body::Bytes;

use super::photos::bytes_of_photo;
use crate::plan::ArchiveSize;

/// The version that can read ZIP64 (4.4.3), and the same with Unix as the system that made it (4.4.2).
const NEEDED: u16 = 45;
const MADE_BY: u16 = 0x0300 | NEEDED;
/// 1980-01-01 (4.4.6).
const DATE: u16 = 0x21;
/// A regular file that its owner may read and write, as in `stat(2)`, in the upper half (4.4.15).
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// The value is in the extra field (4.5.3).
const ELSEWHERE: u32 = u32::MAX;

/// The archive of a job.
#[derive(Clone)]
pub(super) struct Archive {
    entries: u64,
    /// The content of each entry.
    photo: Bytes,
    crc: u32,
}

/// Numbers and texts, one after the other.
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn shorts<const N: usize>(self, values: [u16; N]) -> Self {
        values.into_iter().fold(self, |record, value| record.bytes(&value.to_le_bytes()))
    }

    fn words<const N: usize>(self, values: [u32; N]) -> Self {
        values.into_iter().fold(self, |record, value| record.bytes(&value.to_le_bytes()))
    }

    fn longs<const N: usize>(self, values: [u64; N]) -> Self {
        values.into_iter().fold(self, |record, value| record.bytes(&value.to_le_bytes()))
    }
}

impl Archive {
    pub(super) fn new(size: ArchiveSize) -> Self {
        let photo = bytes_of_photo(size.entry_bytes as usize);
        Self { entries: size.entries, crc: crc32fast::hash(&photo), photo }
    }

    /// The length of the archive.
    pub(super) fn length(&self) -> u64 {
        self.directory() + self.entries * self.record(0).len() as u64 + self.end().len() as u64
    }

    /// The bytes from `from` up to `to`, in pieces.
    pub(super) fn range(&self, from: u64, to: u64) -> impl Iterator<Item = Bytes> + Send + use<> {
        let archive = self.clone();
        let mut at = from;
        std::iter::from_fn(move || {
            let mut piece = archive.piece(at);
            piece.truncate(usize::try_from(to - at).unwrap_or(usize::MAX));
            at += piece.len() as u64;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Some bytes from `at`; none at the end.
    fn piece(&self, at: u64) -> Bytes {
        let (stride, directory, record) = (self.stride(), self.directory(), self.record(0).len() as u64);
        let (mut piece, skipped) = if at < directory {
            let header = self.header(at / stride);
            let within = at % stride;
            match within.checked_sub(header.len() as u64) {
                Some(within) => (self.photo.clone(), within),
                None => (header, within),
            }
        } else if at < directory + self.entries * record {
            let within = at - directory;
            (self.record(within / record), within % record)
        } else {
            (self.end(), at - directory - self.entries * record)
        };
        piece.split_off(usize::try_from(skipped).unwrap_or(usize::MAX).min(piece.len()))
    }

    /// Where the directory starts.
    fn directory(&self) -> u64 {
        self.entries * self.stride()
    }

    /// From one entry to the next.
    fn stride(&self) -> u64 {
        (self.header(0).len() + self.photo.len()) as u64
    }

    /// The local header (4.3.7).
    fn header(&self, entry: u64) -> Bytes {
        let name = name(entry);
        let size = self.size();
        let record = Record::default().bytes(b"PK\x03\x04").shorts([NEEDED, 0, 0, 0, DATE]);
        let record = record.words([self.crc, size, size]).shorts([length(&name), 0]);
        record.bytes(name.as_bytes()).0.into()
    }

    /// The record in the directory (4.3.12).
    fn record(&self, entry: u64) -> Bytes {
        let name = name(entry);
        let size = self.size();
        let offset = Record::default().shorts([1, 8]).longs([entry * self.stride()]).0;
        let record = Record::default().bytes(b"PK\x01\x02").shorts([MADE_BY, NEEDED, 0, 0, 0, DATE]);
        let record = record.words([self.crc, size, size]).shorts([length(&name), 12, 0, 0, 0]);
        record.words([ATTRIBUTES, ELSEWHERE]).bytes(name.as_bytes()).bytes(&offset).0.into()
    }

    /// The end of the directory in three records (4.3.14 to 4.3.16).
    fn end(&self) -> Bytes {
        let size = self.entries * self.record(0).len() as u64;
        let zip64 = Record::default().bytes(b"PK\x06\x06").longs([44]).shorts([MADE_BY, NEEDED]).words([0, 0]);
        let zip64 = zip64.longs([self.entries, self.entries, size, self.directory()]);
        let locator = zip64.bytes(b"PK\x06\x07").words([0]).longs([self.directory() + size]).words([1]);
        let end = locator.bytes(b"PK\x05\x06").shorts([0, 0, u16::MAX, u16::MAX]);
        end.words([ELSEWHERE, ELSEWHERE]).shorts([0]).0.into()
    }

    fn size(&self) -> u32 {
        u32::try_from(self.photo.len()).unwrap_or(u32::MAX)
    }
}

/// All names have the same length.
fn name(entry: u64) -> String {
    format!("{:03}/photo-{entry:07}.jpg", entry / 10_000)
}

fn length(name: &str) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_a_part_of_the_whole() {
        let archive = Archive::new(ArchiveSize { entries: 5, entry_bytes: 700 });
        let read = |from, to| archive.range(from, to).flatten().collect::<Vec<u8>>();
        let whole = read(0, archive.length());
        assert_eq!(whole.len() as u64, archive.length());
        for from in (0..whole.len()).step_by(37) {
            let to = whole.len().min(from + 911);
            assert_eq!(read(from as u64, to as u64), whole[from..to]);
        }
    }

    #[test]
    fn it_is_an_archive() {
        let archive = Archive::new(ArchiveSize { entries: 300, entry_bytes: 700 });
        let bytes: Vec<u8> = archive.range(0, archive.length()).flatten().collect();
        let found = rawzip::ZipArchive::from_slice(&bytes).unwrap();
        let mut names = Vec::new();
        for record in found.entries().map(Result::unwrap) {
            let entry = found.get_entry(record.wayfinder()).unwrap();
            assert_eq!(crc32fast::hash(entry.data()), record.crc32());
            names.push(String::from_utf8(record.file_path().as_bytes().to_vec()).unwrap());
        }
        assert_eq!(names, (0..300).map(name).collect::<Vec<_>>());
    }
}
