use jiff::{SignedDuration, Timestamp};

use super::align::{Aligned, Page, align};
use crate::photos::{PhotoName, PhotoRecord};

/// How long a request may take from naming a photo to recording it. Nothing depends on it but the report: a run must
/// not count a photo as repaired that a request is about to record.
const RECENT: SignedDuration = SignedDuration::from_mins(1);

/// What differs between a part of a user's folder and its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Differences {
    /// The records of photos that have none.
    pub(super) unrecorded: Vec<PhotoRecord>,
    /// The names of records without a photo. The photo may have been stored after the listing.
    pub(super) missing: Vec<PhotoName>,
    /// Photos without current renditions.
    pub(super) unrendered: Vec<PhotoName>,
    /// The names of records with a wrong size, and the actual size in bytes.
    pub(super) resized: Vec<(PhotoName, u64)>,
    /// How many photos the part has.
    pub(super) objects: u64,
    /// How many objects the part has whose names this service does not give to photos.
    pub(super) ignored: u64,
    /// Where the next part begins; `None` after the last one.
    pub(super) next: Option<String>,
}

/// Compares objects, which are sizes by name, with records.
pub(super) fn compare(objects: Page<u64>, records: Page<PhotoRecord>, now: Timestamp) -> Differences {
    let Aligned { rows, next } = align(objects, records);
    let mut differences = Differences { next, ..Differences::default() };
    for (name, row) in rows {
        let (size, record) = match row {
            (None, None) => continue,
            (None, Some(record)) => {
                differences.missing.push(record.name);
                continue;
            }
            (Some(size), record) => (size, record),
        };
        let Ok(name) = PhotoName::parse(&name) else {
            differences.ignored += 1;
            continue;
        };
        differences.objects += 1;
        let is_rendered = record.as_ref().is_some_and(|record| record.size == size && record.is_rendered());
        if !is_rendered && !is_recent(&name, now) {
            differences.unrendered.push(name.clone());
        }
        match record {
            Some(record) if record.size != size => differences.resized.push((name, size)),
            None if !is_recent(&name, now) => differences.unrecorded.push(PhotoRecord::new(name, size)),
            _ => {}
        }
    }
    differences
}

fn is_recent(name: &PhotoName, now: Timestamp) -> bool {
    let age = now.duration_since(name.uploaded_at());
    // A name from the far future is not a new one.
    age.abs() < RECENT
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::btree_map, prelude::*};

    use super::*;
    use crate::{photos::Rendition, renditions::RECIPE};

    const NOW: &str = "2026-11-21T02:03:04.056Z";

    fn name(minute: u8) -> PhotoName {
        PhotoName::parse(&format!("20251121T02{minute:02}04056Z_cat.jpg")).unwrap()
    }

    fn objects(sizes: &[(&str, u64)]) -> Page<u64> {
        Page { entries: sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect(), has_more: false }
    }

    fn records(sizes: &BTreeMap<u8, u64>) -> Page<PhotoRecord> {
        let record = |(minute, size): (&u8, &u64)| {
            let record = PhotoRecord::new(name(*minute), *size);
            (record.name.as_str().to_owned(), record)
        };
        Page { entries: sizes.iter().map(record).collect(), has_more: false }
    }

    proptest! {
        #[test]
        fn fixing_the_differences_makes_the_records_equal_the_objects(
            stored in btree_map(0u8..60, 1u64..4, 0..40),
            recorded in btree_map(0u8..60, 1u64..4, 0..40),
        ) {
            let listed = stored.iter().map(|(minute, size)| (name(*minute).as_str().to_owned(), *size)).collect();
            let listed = Page { entries: listed, has_more: false };
            let differences = compare(listed, records(&recorded), NOW.parse().unwrap());
            let mut fixed: BTreeMap<_, _> = recorded.iter().map(|(minute, size)| (name(*minute), *size)).collect();
            for record in &differences.unrecorded {
                prop_assert_eq!(fixed.insert(record.name.clone(), record.size), None);
            }
            for name in &differences.missing {
                prop_assert!(fixed.remove(name).is_some());
            }
            for (name, size) in &differences.resized {
                prop_assert!(fixed.insert(name.clone(), *size).is_some_and(|wrong| wrong != *size));
            }
            prop_assert_eq!(differences.objects, stored.len() as u64);
            prop_assert_eq!(fixed, stored.into_iter().map(|(minute, size)| (name(minute), size)).collect());
        }
    }

    #[test]
    fn photos_without_current_renditions_are_rendered() {
        let records = [
            (1, Rendition::Ready, RECIPE),
            (2, Rendition::Unavailable, RECIPE),
            (3, Rendition::Pending, 0),
            (4, Rendition::Ready, RECIPE - 1),
            (5, Rendition::Unavailable, RECIPE - 1),
        ];
        let entry = |(minute, rendition, recipe)| {
            let mut record = PhotoRecord::new(name(minute), 1);
            (record.rendition, record.recipe) = (rendition, recipe);
            (record.name.to_string(), record)
        };
        let records = Page { entries: records.into_iter().map(entry).collect(), has_more: false };
        let stored = (1..=6).map(|minute| (name(minute).to_string(), 1)).collect();
        let differences = compare(Page { entries: stored, has_more: false }, records, NOW.parse().unwrap());
        assert_eq!(differences.unrendered, [3, 4, 5, 6].map(name));
    }

    #[test]
    fn objects_that_are_no_photos_are_counted_and_left() {
        let objects =
            objects(&[("20251121T020304056Z_cat.exe", 1), ("20251121T020304056Z_cat.jpg", 2), ("cat.jpg", 3)]);
        let differences = compare(objects, records(&BTreeMap::new()), NOW.parse().unwrap());
        assert_eq!((differences.objects, differences.ignored, differences.unrecorded.len()), (1, 2, 1));
    }

    #[test]
    fn a_new_photo_is_left_to_the_request_that_stored_it() {
        for (name, is_unrecorded) in [
            ("20261121T020204056Z_cat.jpg", true),
            ("20261121T020204057Z_cat.jpg", false),
            ("20261121T020404055Z_cat.jpg", false),
            ("20261121T020404056Z_cat.jpg", true),
        ] {
            let differences = compare(objects(&[(name, 1)]), records(&BTreeMap::new()), NOW.parse().unwrap());
            assert_eq!((differences.objects, differences.unrecorded.len()), (1, usize::from(is_unrecorded)), "{name}");
        }
    }
}
