//! Divides photos among archives and chunks, and gives each its path.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::packing::{LARGE_BYTES, MAX_PARTS, parts_for};
use crate::photos::PhotoRecord;

/// The bytes of a chunk. One worker reads and writes it in some seconds.
const CHUNK_BYTES: u64 = 64 << 20;

/// The most photos of a chunk that has enough bytes for a part, and of any other chunk.
const CHUNK_PHOTOS: usize = 500;
const MAX_CHUNK_PHOTOS: usize = 2_500;

/// How many bytes are enough for a part: more than the 5 MiB that S3 requires, because photos may be deleted before
/// they are packed.
const ENOUGH_BYTES: u64 = 8 << 20;

/// The assumed size of a preview: its record has none. [`Packing`](super::packing::Packing) copes with others.
const PREVIEW_BYTES: u64 = 512 << 10;

/// How an export is divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::jobs) struct ExportPlan {
    /// Names the lists of photos that belong to this plan: another attempt to make it may have stored some, too.
    pub attempt: Uuid,
    /// Whether the photos themselves are exported, and not their renditions.
    pub originals: bool,
    /// S3's ids of the multipart uploads of the archives.
    pub uploads: Vec<String>,
    pub photos: u64,
    /// The bytes of all photos; of previews, an estimate.
    pub bytes: u64,
    pub chunks: Vec<ExportChunk>,
}

/// Photos that one worker packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::jobs) struct ExportChunk {
    /// The archive, counted from 0.
    pub archive: usize,
    /// The first part number that the chunk may use.
    pub first_part: u32,
    pub bytes: u64,
}

/// A photo of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::jobs) struct Listed {
    pub filename: String,
    /// The path in the archive.
    pub entry: String,
    pub size: u64,
}

/// Plans an export. The photos must come in the order of the time at which they were taken. Memory does not grow with
/// their number, except by a few bytes for each chunk, and for each name in the current month.
pub(super) struct Planner {
    /// The most bytes of photos in an archive.
    max_bytes: u64,
    originals: bool,
    paths: Paths,
    chunk: Vec<Listed>,
    chunk_bytes: u64,
    /// The archive that the chunk is in, its bytes, and the next number of its parts.
    archive: usize,
    archive_bytes: u64,
    next_part: u32,
    chunks: Vec<ExportChunk>,
    photos: u64,
    bytes: u64,
}

impl Planner {
    pub(super) fn new(max_bytes: u64, originals: bool) -> Self {
        Self {
            max_bytes,
            originals,
            paths: Paths::default(),
            chunk: Vec::new(),
            chunk_bytes: 0,
            archive: 0,
            archive_bytes: 0,
            next_part: 1,
            chunks: Vec::new(),
            photos: 0,
            bytes: 0,
        }
    }

    /// Adds the next photo. Returns a chunk that is complete without it.
    pub(super) fn add(&mut self, record: &PhotoRecord) -> Option<Vec<Listed>> {
        let size = if self.originals { record.size } else { PREVIEW_BYTES };
        let starts_archive = self.archive_bytes > 0
            && (self.archive_bytes.saturating_add(size) > self.max_bytes
                || self.next_part + parts_for(self.chunk_bytes + size, self.chunk.len() + 1) > MAX_PARTS);
        let has_enough = self.chunk_bytes >= ENOUGH_BYTES && self.chunk.len() >= CHUNK_PHOTOS;
        let is_full = has_enough || self.chunk_bytes >= CHUNK_BYTES || self.chunk.len() >= MAX_CHUNK_PHOTOS;
        let complete = (starts_archive || is_full).then(|| self.close_chunk());
        if starts_archive {
            (self.archive, self.archive_bytes, self.next_part) = (self.archive + 1, 0, 1);
        }
        self.chunk.push(Listed {
            filename: record.name.to_string(),
            entry: self.paths.of(record, self.originals),
            size,
        });
        self.chunk_bytes += size;
        self.archive_bytes += size;
        self.photos += 1;
        self.bytes += size;
        complete
    }

    /// The last chunk, unless there are no photos.
    pub(super) fn finish(&mut self) -> Option<Vec<Listed>> {
        (!self.chunk.is_empty()).then(|| self.close_chunk())
    }

    /// How many chunks are complete.
    pub(super) const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// How many archives there are.
    pub(super) fn archives(&self) -> usize {
        self.chunks.last().map_or(0, |chunk| chunk.archive + 1)
    }

    /// The plan of all complete chunks.
    pub(super) fn plan(self, attempt: Uuid, uploads: Vec<String>) -> ExportPlan {
        let Self { originals, chunks, photos, bytes, .. } = self;
        ExportPlan { attempt, originals, uploads, photos, bytes, chunks }
    }

    fn close_chunk(&mut self) -> Vec<Listed> {
        let (mut photos, bytes) = (std::mem::take(&mut self.chunk), std::mem::take(&mut self.chunk_bytes));
        let chunk = ExportChunk { archive: self.archive, first_part: self.next_part, bytes };
        self.next_part += parts_for(bytes, photos.len());
        self.chunks.push(chunk);
        // A large photo ends with a part of its own. Large photos come last, so that no small rest follows one.
        photos.sort_by_key(|photo| photo.size >= LARGE_BYTES);
        photos
    }
}

/// Makes paths in archives: `{year}/{month}/{original name}`, with a number if another photo has the name. Names that
/// differ only in case get one, too, because Windows and macOS treat them as equal.
#[derive(Default)]
struct Paths {
    folder: String,
    /// The hashes of the names in this folder, each with the last number that was tried. If two names have the same
    /// hash, one of them gets a number that it did not need.
    names: HashMap<u64, u32>,
}

impl Paths {
    fn of(&mut self, record: &PhotoRecord, original: bool) -> String {
        let folder = record.taken.at().month().replace('-', "/");
        if self.folder != folder {
            self.names.clear();
            self.folder = folder;
        }
        let name = record.name.original();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let extension = if original { extension } else { "jpg" };
        let hash = |name: &str| {
            let mut hasher = DefaultHasher::new();
            name.to_lowercase().hash(&mut hasher);
            hasher.finish()
        };
        let mut name = format!("{stem}.{extension}");
        let wanted = hash(&name);
        let mut number = self.names.get(&wanted).copied().unwrap_or(1);
        while self.names.contains_key(&hash(&name)) {
            number += 1;
            name = format!("{stem} ({number}).{extension}");
        }
        self.names.insert(wanted, number);
        self.names.entry(hash(&name)).or_insert(1);
        format!("{}/{name}", self.folder)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::photos::{PhotoName, PhotoType, TakenAt};

    fn record(original: &str, month: u8, size: u64) -> PhotoRecord {
        let name = PhotoName::new(original, PhotoType::Jpg, "2026-11-21T02:03:04.056Z".parse().unwrap());
        let mut record = PhotoRecord::new(name, size);
        record.taken.chosen = TakenAt::parse(&format!("2026-{month:02}-03T04:05:06"));
        record
    }

    fn planned(records: &[PhotoRecord], max_bytes: u64) -> (ExportPlan, Vec<Vec<Listed>>) {
        let mut planner = Planner::new(max_bytes, true);
        let mut chunks = Vec::new();
        for record in records {
            chunks.extend(planner.add(record));
        }
        chunks.extend(planner.finish());
        assert_eq!(planner.chunks(), chunks.len());
        let uploads = vec![String::new(); planner.archives()];
        (planner.plan(Uuid::nil(), uploads), chunks)
    }

    #[test]
    fn a_photo_is_in_the_folder_of_its_month_under_its_original_name() {
        let records = [("IMG_1.JPG", 1), ("IMG_1.jpg", 1), ("img_1.jpg", 1), ("IMG_1 (2).jpg", 1), ("IMG_1.jpg", 2)];
        let records = records.map(|(name, month)| record(name, month, 1));
        let (_, chunks) = planned(&records, 1 << 40);
        let entries: Vec<_> = chunks.iter().flatten().map(|photo| photo.entry.as_str()).collect();
        assert_eq!(
            entries,
            [
                "2026/01/IMG_1.jpg",
                "2026/01/IMG_1 (2).jpg",
                "2026/01/img_1 (3).jpg",
                "2026/01/IMG_1 (2) (2).jpg",
                "2026/02/IMG_1.jpg",
            ]
        );
    }

    #[test]
    fn a_rendition_is_a_jpeg() {
        let mut heic = record("a.b", 1, 1);
        heic.name = PhotoName::new("IMG_1", PhotoType::Heic, heic.name.uploaded_at());
        let mut paths = Paths::default();
        assert_eq!(
            [true, false].map(|original| paths.of(&heic, original)),
            ["2026/01/IMG_1.heic", "2026/01/IMG_1.jpg"]
        );
    }

    #[test]
    fn an_archive_of_50_gib_has_few_enough_parts() {
        for size in [1_u64 << 20, 4 << 20, (16 << 20) - 1, 16 << 20, 40 << 20, 2 << 30] {
            let count = (50_u64 << 30) / size;
            let mut planner = Planner::new(50 << 30, true);
            let one = record("a.jpg", 1, size);
            for _ in 0..count {
                // The paths do not matter here, and take long.
                planner.paths = Paths::default();
                planner.add(&one);
            }
            planner.finish();
            assert_eq!(planner.archives(), 1, "{size}");
            assert!(planner.next_part <= MAX_PARTS, "{size}: {}", planner.next_part);
        }
    }

    proptest! {
        #[test]
        fn every_photo_is_in_one_chunk_and_no_archive_is_too_large(
            photos in proptest::collection::vec(
                (
                    prop_oneof!["[a-c]{1,2}", "[A-C]{1,2} \\([1-3]\\)"],
                    1_u8..13,
                    prop_oneof![0_u64..9 << 20, 0_u64..99 << 20],
                ),
                1..400,
            ),
            max_bytes in 1_u64 << 20..2 << 30,
        ) {
            let mut records: Vec<_> = photos.iter().map(|(name, month, size)| record(name, *month, *size)).collect();
            records.sort_by_key(PhotoRecord::position);
            let (plan, chunks) = planned(&records, max_bytes);
            prop_assert_eq!(plan.photos, records.len() as u64);
            prop_assert_eq!(plan.bytes, records.iter().map(|record| record.size).sum::<u64>());
            prop_assert_eq!(chunks.iter().map(Vec::len).sum::<usize>(), records.len());
            let entries: BTreeSet<_> = chunks.iter().flatten().map(|photo| photo.entry.to_lowercase()).collect();
            prop_assert_eq!(entries.len(), records.len());
            let mut archives = BTreeMap::<usize, (u64, usize, u32)>::new();
            for (chunk, photos) in plan.chunks.iter().zip(&chunks) {
                let bytes = photos.iter().map(|photo| photo.size).sum::<u64>();
                prop_assert_eq!(chunk.bytes, bytes);
                prop_assert!(photos.is_sorted_by_key(|photo| photo.size >= LARGE_BYTES));
                let (sum, count, next) = archives.entry(chunk.archive).or_insert((0, 0, 1));
                prop_assert_eq!(chunk.first_part, *next);
                *next += parts_for(bytes, photos.len());
                prop_assert!(*next <= MAX_PARTS);
                (*sum, *count) = (*sum + bytes, *count + photos.len());
            }
            prop_assert_eq!(archives.len(), plan.uploads.len());
            prop_assert!(archives.values().all(|(bytes, count, _)| *bytes <= max_bytes || *count == 1));
        }
    }
}
