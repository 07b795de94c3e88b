//! Cuts an archive into the parts of a multipart upload. Each part but the last has at least 5 MiB, and there are at
//! most 10,000 ("Amazon S3 multipart upload limits", Amazon S3 User Guide).

use bytes::Bytes;

use crate::storage::objects::COPY_BYTES;

/// The smallest part that S3 accepts, except for the last one.
pub(super) const LEAST_BYTES: usize = 5 << 20;

/// The size of a part that is sent from memory while photos are packed, and the least that must remain for the next.
const PART_BYTES: usize = 16 << 20;
const MIN_BYTES: usize = 8 << 20;

/// A photo of at least this size is copied inside S3, except for its beginning if there is too little in memory for a
/// part.
pub(super) const LARGE_BYTES: u64 = 2 * MIN_BYTES as u64;

/// Part numbers below this are for photos. Those from here to 10,000 are for the end of the archive.
pub(super) const MAX_PARTS: u32 = 9_001;
pub(super) const END_OF_PARTS: u32 = 10_001;

/// More bytes than the header of a photo has.
const HEADER_BYTES: u64 = 1_024;

/// The most parts that photos can need. Each has at least [`MIN_BYTES`], except the last one.
pub(super) fn parts_for(bytes: u64, photos: usize) -> u32 {
    let bytes = bytes + HEADER_BYTES * photos as u64;
    u32::try_from(bytes / MIN_BYTES as u64 + 1).unwrap_or(u32::MAX)
}

/// Bytes that follow each other in an archive, as parts.
pub(super) struct Packing {
    /// What is in no part yet.
    buffer: Vec<u8>,
    /// The number of the next part.
    next: u32,
    /// All numbers are below this one. The last part takes what is left, however much it is.
    end: u32,
    /// The bytes so far, in parts or not.
    length: u64,
}

/// A part that is sent from memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) bytes: Bytes,
}

/// How a large photo is divided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// How many of its first bytes are packed with what precedes them.
    pub(super) packed: u64,
    /// The other bytes, from and to, with the number of the part to which they are copied.
    pub(super) copied: Vec<(u32, (u64, u64))>,
}

impl Packing {
    /// Uses the part numbers from `first` to `end` (exclusive).
    pub(super) const fn new(first: u32, end: u32) -> Self {
        Self { buffer: Vec::new(), next: first, end, length: 0 }
    }

    /// The bytes so far.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The bytes that are in no part yet.
    pub(super) const fn unsent(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
    }

    /// A part that is complete, if there is one.
    pub(super) fn full(&mut self) -> Option<Part> {
        if self.buffer.len() < PART_BYTES + MIN_BYTES || self.next + 1 >= self.end {
            return None;
        }
        let rest = self.buffer.split_off(PART_BYTES);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        Some(self.part(bytes))
    }

    /// What is in no part yet, as the last part; `None` if there is nothing.
    pub(super) fn last(&mut self) -> Option<Part> {
        let bytes = std::mem::take(&mut self.buffer);
        (!bytes.is_empty()).then(|| self.part(bytes))
    }

    /// Divides a photo of `size` bytes, at least [`LARGE_BYTES`], after a header of `header` bytes.
    pub(super) fn divide(&self, header: usize, size: u64) -> Division {
        let packed = MIN_BYTES.saturating_sub(self.buffer.len() + header) as u64;
        let rest = size - packed;
        let count = rest.div_ceil(COPY_BYTES);
        let step = rest.div_ceil(count);
        let piece = |at: u64| {
            let from = packed + at * step;
            (from, size.min(from + step))
        };
        Division { packed, copied: (self.next + 1..).zip((0..count).map(piece)).collect() }
    }

    /// Adds a large photo whose other bytes are copied. Returns the part before them.
    pub(super) fn add_large(&mut self, header: &[u8], first: &[u8], division: &Division) -> Part {
        self.add(header);
        self.add(first);
        let bytes = std::mem::take(&mut self.buffer);
        let part = self.part(bytes);
        for (number, (from, to)) in &division.copied {
            self.next = number + 1;
            self.length += to - from;
        }
        part
    }

    fn part(&mut self, bytes: Vec<u8>) -> Part {
        let number = self.next;
        self.next += 1;
        Part { number, bytes: bytes.into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: [u8; 100] = [7; 100];

    /// The numbers and sizes of the parts, and the bytes that are in none, if these photos are packed.
    fn packed(sizes: &[u64]) -> (Vec<(u32, u64)>, usize) {
        let end = 5 + parts_for(sizes.iter().sum(), sizes.len());
        let (mut packing, mut parts) = (Packing::new(5, end), Vec::new());
        let size = |part: Part| (part.number, part.bytes.len() as u64);
        for photo in sizes {
            let before = packing.length();
            if *photo >= LARGE_BYTES {
                let division = packing.divide(HEADER.len(), *photo);
                let first = vec![0; usize::try_from(division.packed).unwrap()];
                parts.push(size(packing.add_large(&HEADER, &first, &division)));
                let mut at = division.packed;
                for (number, (from, to)) in division.copied {
                    assert_eq!(from, at);
                    parts.push((number, to - from));
                    at = to;
                }
                assert_eq!(at, *photo);
            } else {
                packing.add(&HEADER);
                packing.add(&vec![0; usize::try_from(*photo).unwrap()]);
                while let Some(part) = packing.full() {
                    parts.push(size(part));
                }
            }
            assert_eq!(packing.length() - before, 100 + photo);
        }
        (parts, packing.unsent())
    }

    #[test]
    fn what_is_larger_than_planned_uses_no_number_of_the_next_chunk() {
        let (mut packing, mut numbers) = (Packing::new(5, 8), Vec::new());
        for _ in 0..10 {
            packing.add(&vec![0; PART_BYTES]);
            numbers.extend(std::iter::from_fn(|| packing.full()).map(|part| (part.number, part.bytes.len())));
        }
        let last = packing.last().unwrap();
        numbers.push((last.number, last.bytes.len()));
        assert_eq!(numbers, [(5, PART_BYTES), (6, PART_BYTES), (7, 8 * PART_BYTES)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_part_is_large_enough_and_there_are_few(
            mut sizes in proptest::collection::vec(
                prop_oneof![0_u64..2_000, 0_u64..16 << 20, 16_u64 << 20..300 << 20],
                0..12,
            ),
        ) {
            // A plan puts the large ones last.
            sizes.sort_by_key(|size| *size >= LARGE_BYTES);
            let (mut parts, rest) = packed(&sizes);
            let total = sizes.iter().sum::<u64>() + HEADER.len() as u64 * sizes.len() as u64;
            prop_assert_eq!(parts.iter().map(|(_, size)| size).sum::<u64>() + rest as u64, total);
            prop_assert!(parts.iter().all(|(_, size)| (MIN_BYTES as u64..=5 << 30).contains(size)), "{:?}", parts);
            // What remains is enough for a part, unless all photos together are too little.
            prop_assert!(rest == 0 || rest >= MIN_BYTES || parts.is_empty());
            if rest > 0 {
                parts.push((parts.last().map_or(5, |(number, _)| number + 1), rest as u64));
            }
            prop_assert!(parts.iter().map(|(number, _)| *number).eq((5..).take(parts.len())));
            prop_assert!(parts.len() <= parts_for(sizes.iter().sum(), sizes.len()) as usize);
        }
    }
}
