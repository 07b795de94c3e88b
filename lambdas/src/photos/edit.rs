//! Changes of stored photos.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    Amount, Delta, Dimensions, Library, PhotoName, PhotoRecord, Place, Rendition, TakenAt, TakenAtSource, UsageChange,
    library::{MAX_ATTEMPTS, unchanged},
    record::photo_item,
    trash::Marker,
    usage::TrashChange,
};
use crate::{
    storage::{
        CloudError, ErrorKind,
        table::{Write, item_key, pause_before},
    },
    time::now,
    users::UserKey,
};

/// A change of a stored photo.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit<'a> {
    /// Sets what the user may set. `None` leaves it as it is, and a `taken_at` of `Some(None)` restores the photo's
    /// own.
    Set { favourite: Option<bool>, taken_at: Option<Option<TakenAt>> },
    /// Moves the photo to the trash, unless it is there.
    Trash,
    /// Moves the photo out of the trash. Does not apply if it is not there, or if the trash is being emptied.
    Restore,
    /// Records what was found in the photo.
    Describe(&'a Description),
    /// Corrects the size. All that was found in the bytes of the old size is forgotten.
    Resize(u64),
}

/// What an inspection of a photo's bytes found. The same bytes have the same description.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Hexadecimal, in lower case.
    pub sha256: String,
    pub crc32: u32,
    pub dimensions: Option<Dimensions>,
    /// The time in the photo's EXIF data. Without one, the name says when the photo was taken.
    pub taken_at: Option<TakenAt>,
    pub place: Option<Place>,
    pub camera: Option<String>,
    pub rendition: Rendition,
    /// See [`crate::renditions::RECIPE`].
    pub recipe: u32,
    pub thumbhash: Option<String>,
}

/// What became of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// The record contains it.
    Recorded,
    /// The photo has no record, or none yet.
    Unrecorded,
    /// The photo was deleted permanently.
    Deleted,
}

impl Edit<'_> {
    /// The changed record; `None` if the change does not apply. `emptied` is [`super::Usage::emptied`].
    fn apply(&self, old: &PhotoRecord, emptied: Option<Timestamp>, now: Timestamp) -> Option<PhotoRecord> {
        let mut new = old.clone();
        match self {
            Self::Set { favourite, taken_at } => {
                new.favourite = favourite.unwrap_or(old.favourite);
                if let Some(taken_at) = taken_at {
                    new.taken.chosen.clone_from(taken_at);
                }
            }
            Self::Trash => {
                // Later than the time up to which the trash is being emptied, even if that comes from another clock.
                let least = emptied.map_or(now, |emptied| emptied + Duration::from_millis(1));
                new.trashed_at = old.trashed_at.or(Some(now.max(least)));
            }
            Self::Restore => {
                old.trashed_at.filter(|trashed_at| emptied.is_none_or(|emptied| emptied < *trashed_at))?;
                new.trashed_at = None;
            }
            Self::Describe(description) => {
                let Description { sha256, crc32, dimensions, taken_at, place, camera, rendition, recipe, thumbhash } =
                    description;
                (new.sha256, new.crc32) = (Some(sha256.clone()), Some(*crc32));
                (new.taken.own, new.taken.own_source) = match taken_at {
                    Some(taken_at) => (taken_at.clone(), TakenAtSource::Exif),
                    None => TakenAt::of(&old.name),
                };
                (new.dimensions, new.place) = (*dimensions, *place);
                (new.rendition, new.recipe) = (*rendition, *recipe);
                new.camera.clone_from(camera);
                new.thumbhash.clone_from(thumbhash);
            }
            Self::Resize(size) => {
                new = PhotoRecord {
                    favourite: old.favourite,
                    trashed_at: old.trashed_at,
                    version: old.version,
                    ..PhotoRecord::new(old.name.clone(), *size)
                };
                new.taken.chosen.clone_from(&old.taken.chosen);
            }
        }
        Some(new)
    }
}

/// How a change of a record changes the totals of the user's photos.
#[derive(Debug, Default)]
struct Effects {
    /// By how much the number of photos of each month changes.
    months: BTreeMap<String, i8>,
    usage: UsageChange,
}

impl Effects {
    /// The effects of replacing `old` with `new`, or of removing it.
    fn new(old: &PhotoRecord, new: Option<&PhotoRecord>) -> Self {
        let mut months = BTreeMap::new();
        for (record, count) in [(Some(old), -1), (new, 1)] {
            if let Some(record) = record.filter(|record| record.trashed_at.is_none()) {
                *months.entry(record.taken.at().month()).or_default() += count;
            }
        }
        months.retain(|_, count| *count != 0);
        let (total, trash) = match new {
            None => (Delta::Subtract(Amount::photo(old.size)), TrashChange::None),
            Some(new) => {
                let bytes = Amount { bytes: new.size.abs_diff(old.size), photos: 0 };
                let total = match new.size.cmp(&old.size) {
                    std::cmp::Ordering::Less => Delta::Subtract(bytes),
                    std::cmp::Ordering::Equal => Delta::Zero,
                    std::cmp::Ordering::Greater => Delta::Add(bytes),
                };
                let trash = match (old.trashed_at, new.trashed_at) {
                    (None, Some(trashed_at)) => TrashChange::In(trashed_at),
                    (Some(trashed_at), None) => TrashChange::Out(trashed_at),
                    (None, None) | (Some(_), Some(_)) => TrashChange::None,
                };
                (total, trash)
            }
        };
        let changes = u64::from(total != Delta::Zero || trash != TrashChange::None);
        let moves = u64::from(changes == 0 && !months.is_empty());
        Self { months, usage: UsageChange { total, changes, moves, trash, ..UsageChange::default() } }
    }

    const fn concern_usage(&self) -> bool {
        self.usage.changes > 0 || self.usage.moves > 0
    }
}

impl Library {
    /// Changes a photo's record, and all that depends on it, in one transaction. Returns the new record; `None` if
    /// there is no record or the change does not apply to it.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Throttled`] if other requests keep changing the photo.
    pub async fn edit(
        &self,
        user: &UserKey,
        name: &PhotoName,
        edit: &Edit<'_>,
    ) -> Result<Option<PhotoRecord>, CloudError> {
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let Some(old) = self.get(user, name).await? else { return Ok(None) };
            let emptied = match edit {
                Edit::Trash | Edit::Restore => self.usage(user).await?.emptied,
                Edit::Set { .. } | Edit::Describe(_) | Edit::Resize(_) => None,
            };
            let Some(mut new) = edit.apply(&old, emptied, now()) else { return Ok(None) };
            if new == old {
                return Ok(Some(old));
            }
            new.version += 1;
            if self.replace(user, &old, Some(&new)).await? {
                return Ok(Some(new));
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "the photo's record kept changing"))
    }

    /// Records what was found in a photo, whether or not it is in the trash. It can be repeated. A time that the user
    /// has set stays.
    ///
    /// # Errors
    /// Those of [`Library::edit`].
    pub async fn describe(
        &self,
        user: &UserKey,
        name: &PhotoName,
        description: &Description,
    ) -> Result<Described, CloudError> {
        if self.edit(user, name, &Edit::Describe(description)).await?.is_some() {
            return Ok(Described::Recorded);
        }
        Ok(if self.is_deleted(user, name).await? { Described::Deleted } else { Described::Unrecorded })
    }

    /// Replaces a record with a changed one or, without one, with a tombstone. Returns false and changes nothing if the
    /// record, the photos with the same bytes or the trash have changed since they were read.
    pub(super) async fn replace(
        &self,
        user: &UserKey,
        old: &PhotoRecord,
        new: Option<&PhotoRecord>,
    ) -> Result<bool, CloudError> {
        let (condition, names, values) = unchanged(old);
        let mut writes = if let Some(new) = new {
            let put = self.table().put(new.to_item(user)).condition_expression(condition);
            let put = put.set_expression_attribute_names(Some(names));
            vec![Write::Put(put.set_expression_attribute_values(Some(values)))]
        } else {
            let delete = self.table().delete(item_key(user, &photo_item(&old.name)));
            let delete = delete.condition_expression(condition).set_expression_attribute_names(Some(names));
            let delete = delete.set_expression_attribute_values(Some(values));
            vec![Write::Delete(delete), self.tombstone_write(user, &old.name)]
        };
        let (marker, new_marker) = (Marker::of(old), new.and_then(Marker::of));
        if marker != new_marker {
            // A transaction may write each item once.
            let key = |marker: &Marker| marker.key(user);
            let gone = marker.as_ref().map(key).filter(|gone| Some(gone) != new_marker.as_ref().map(key).as_ref());
            writes.extend(gone.map(|gone| Write::Delete(self.table().delete(gone))));
            writes.extend(new_marker.map(|marker| Write::Put(self.table().put(marker.to_item(user)))));
        }
        let effects = Effects::new(old, new);
        writes.extend(effects.months.iter().map(|(month, count)| self.month(user, month, &count.to_string())));
        if effects.concern_usage() {
            writes.push(effects.usage.write(self.table(), user));
        }
        let new_hash = new.and_then(PhotoRecord::shared_hash);
        writes.extend(self.hash_writes(user, &old.name, old.shared_hash(), new_hash).await?);
        Ok(self.table().transact(writes).await?.is_none())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::photos::record::tests::record;

    const NOW: &str = "2026-11-21T02:03:04.056Z";

    fn at() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn description(of: &PhotoRecord) -> Description {
        Description {
            sha256: of.sha256.clone().unwrap_or_else(|| "0".repeat(64)),
            crc32: of.crc32.unwrap_or_default(),
            dimensions: of.dimensions,
            taken_at: Some(of.taken.own.clone()).filter(|_| of.taken.own_source == TakenAtSource::Exif),
            place: of.place,
            camera: of.camera.clone(),
            rendition: of.rendition,
            recipe: of.recipe,
            thumbhash: of.thumbhash.clone(),
        }
    }

    /// The kind of an edit, and a record from which it takes its values.
    fn edits() -> impl Strategy<Value = Vec<(u8, PhotoRecord)>> {
        vec((0u8..6, record()), 0..12)
    }

    fn apply(kind: u8, values: &PhotoRecord, old: &PhotoRecord, emptied: Option<Timestamp>) -> Option<PhotoRecord> {
        let found = description(values);
        let edit = match kind {
            0 => Edit::Set { favourite: Some(values.favourite), taken_at: None },
            1 => Edit::Set { favourite: None, taken_at: Some(values.taken.chosen.clone()) },
            2 => Edit::Trash,
            3 => Edit::Restore,
            4 => Edit::Describe(&found),
            _ => Edit::Resize(values.size),
        };
        edit.apply(old, emptied, at())
    }

    fn counted(record: Option<&PhotoRecord>) -> BTreeMap<String, i64> {
        let visible = record.filter(|record| record.trashed_at.is_none());
        visible.map(|record| (record.taken.at().month(), 1)).into_iter().collect()
    }

    proptest! {
        #[test]
        fn the_sums_follow_any_changes(mut record in record(), edits in edits(), is_removed in any::<bool>()) {
            let mut months = counted(Some(&record));
            let mut total = (i128::from(record.size), 1);
            let mut step = |old: &PhotoRecord, new: Option<&PhotoRecord>| {
                let effects = Effects::new(old, new);
                for (month, count) in &effects.months {
                    *months.entry(month.clone()).or_default() += i64::from(*count);
                }
                months.retain(|_, count| *count != 0);
                match effects.usage.total {
                    Delta::Zero => {}
                    Delta::Add(amount) => total = (total.0 + i128::from(amount.bytes), total.1 + amount.photos),
                    Delta::Subtract(amount) => total = (total.0 - i128::from(amount.bytes), total.1 - amount.photos),
                }
                let sums_change = effects.usage.total != Delta::Zero || !effects.months.is_empty();
                // Else a repair could correct sums that it has read before the change.
                (!sums_change || effects.concern_usage(), months.clone(), total)
            };
            for (kind, values) in edits {
                let Some(new) = apply(kind, &values, &record, None) else { continue };
                let (is_counted, months, total) = step(&record, Some(&new));
                prop_assert!(is_counted);
                prop_assert_eq!(months, counted(Some(&new)));
                prop_assert_eq!(total, (i128::from(new.size), 1));
                record = new;
            }
            if is_removed {
                let (is_counted, months, total) = step(&record, None);
                prop_assert!(is_counted && months.is_empty());
                prop_assert_eq!(total, (0, 0));
            }
        }

        #[test]
        fn the_index_counts_each_change_that_it_shows(old in record(), edit in edits()) {
            for (kind, values) in edit {
                let Some(new) = apply(kind, &values, &old, None) else { continue };
                let shown = |record: &PhotoRecord| record.trashed_at.is_none().then_some(record.size);
                if shown(&old) != shown(&new) {
                    prop_assert_eq!(Effects::new(&old, Some(&new)).usage.changes, 1);
                }
            }
        }

        #[test]
        fn a_description_is_recorded_once(old in record(), values in record()) {
            let new = apply(4, &values, &old, None).unwrap();
            prop_assert_eq!(apply(4, &values, &new, None), Some(new.clone()));
            prop_assert_eq!(new.taken.chosen, old.taken.chosen);
            prop_assert_eq!((new.favourite, new.trashed_at), (old.favourite, old.trashed_at));
        }

        #[test]
        fn a_corrected_size_keeps_what_the_user_has_set(old in record(), size in any::<u64>()) {
            let new = Edit::Resize(size).apply(&old, None, at()).unwrap();
            prop_assert_eq!((new.size, new.sha256), (size, None));
            prop_assert_eq!(new.taken.chosen, old.taken.chosen);
            prop_assert_eq!((new.favourite, new.trashed_at), (old.favourite, old.trashed_at));
        }

        #[test]
        fn a_photo_goes_to_the_trash_once_and_comes_back_as_it_was(old in record()) {
            let visible = PhotoRecord { trashed_at: None, ..old };
            let trashed = Edit::Trash.apply(&visible, None, at()).unwrap();
            prop_assert_eq!(trashed.trashed_at, Some(at()));
            let later = at() + Duration::from_secs(1);
            prop_assert_eq!(Edit::Trash.apply(&trashed, None, later).unwrap(), trashed.clone());
            prop_assert_eq!(Edit::Restore.apply(&trashed, None, later).unwrap(), visible.clone());
            prop_assert_eq!(Edit::Restore.apply(&visible, None, later), None);
        }

        #[test]
        fn what_is_being_emptied_is_not_restored(old in record(), millis in option::of(-3i64..3)) {
            let emptied = millis.map(|millis| at() + jiff::SignedDuration::from_millis(millis));
            let trashed = PhotoRecord { trashed_at: Some(at()), ..old.clone() };
            let restored = Edit::Restore.apply(&trashed, emptied, at());
            prop_assert_eq!(restored.is_none(), emptied.is_some_and(|emptied| emptied >= at()));
            // A photo that goes to the trash later is not deleted with it.
            let trashed = Edit::Trash.apply(&PhotoRecord { trashed_at: None, ..old }, emptied, at()).unwrap();
            prop_assert!(emptied.is_none_or(|emptied| trashed.trashed_at.unwrap() > emptied));
        }
    }

    #[test]
    fn the_users_time_replaces_the_photos_own_until_it_is_cleared() {
        let name = PhotoName::parse("20261121T020304056Z_IMG_20240102_030405.jpg").unwrap();
        let record = PhotoRecord::new(name, 1);
        let set = |record: &PhotoRecord, time: Option<&str>| {
            let taken_at = Some(time.map(|time| TakenAt::parse(time).unwrap()));
            Edit::Set { favourite: None, taken_at }.apply(record, None, at()).unwrap()
        };
        let shown = |record: &PhotoRecord| (record.taken.at().to_string(), record.taken.source());
        let chosen = set(&record, Some("2001-02-03T04:05:06+01:00"));
        assert_eq!(shown(&chosen), ("2001-02-03T04:05:06+01:00".to_owned(), TakenAtSource::User));
        assert!(chosen.position().starts_with("2001-02-03T04:05:06.000_2026"));
        let found = Description { taken_at: TakenAt::parse("1999-01-01T00:00:00"), ..description(&record) };
        let described = Edit::Describe(&found).apply(&chosen, None, at()).unwrap();
        assert_eq!(shown(&described), shown(&chosen));
        let cleared = set(&described, None);
        assert_eq!(shown(&cleared), ("1999-01-01T00:00:00".to_owned(), TakenAtSource::Exif));
        assert_eq!(shown(&set(&chosen, None)), ("2024-01-02T03:04:05".to_owned(), TakenAtSource::Filename));
    }
}
