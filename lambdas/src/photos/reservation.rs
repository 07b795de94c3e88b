//! Quota is reserved before photos are stored, and used when they are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::{
    Amount, Library, PhotoRecord, Quota,
    library::{BATCH, MAX_WRITES},
    usage::{Delta, UsageChange},
};
use crate::{
    storage::{
        CloudError, ErrorKind,
        table::{
            Item, MalformedItem, Write, epoch_seconds, item_key, number, optional_number, read_all, required,
            required_number,
        },
    },
    time::now,
    users::UserKey,
};

/// How the range keys of these items begin. See [`Library`].
const RESERVATION: &str = "reservation#";
const UNCOUNTED: &str = "uncounted#";

/// How long a request may hold a reservation. It is longer than any function that stores photos can run.
const RESERVATION_LIFETIME: Duration = Duration::from_mins(2);

/// Quota was not reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    #[error("the quota is exceeded")]
    Exceeded(Exceeded),
    #[error("the usage cannot be read or written")]
    Storage(#[from] CloudError),
}

/// The quota that a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub quota: Quota,
    /// Stored.
    pub used: Amount,
    pub reserved: Amount,
}

/// What photos add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub stored: Amount,
    /// How many were taken in each month, without those in the trash.
    pub months: BTreeMap<String, u64>,
}

/// Photos that were recorded together and are not counted yet. Until then, they count as reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    item: String,
    reservation: Uuid,
    tally: Tally,
}

impl Tally {
    pub(super) fn add(&mut self, record: &PhotoRecord) {
        self.stored = self.stored.plus(Amount::photo(record.size));
        if record.trashed_at.is_none() {
            *self.months.entry(record.taken.at().month()).or_default() += 1;
        }
    }

    fn of<'a>(records: impl IntoIterator<Item = &'a PhotoRecord>) -> Self {
        let mut tally = Self::default();
        for record in records {
            tally.add(record);
        }
        tally
    }

    /// With what these batches add up to.
    fn with(mut self, batches: &[Batch]) -> Self {
        for Tally { stored, months } in batches.iter().map(|batch| &batch.tally) {
            self.stored = self.stored.plus(*stored);
            for (month, count) in months {
                *self.months.entry(month.clone()).or_default() += count;
            }
        }
        self
    }
}

impl Batch {
    fn to_item(&self, user: &UserKey) -> Item {
        let months = self.tally.months.iter().map(|(month, count)| (month.clone(), number(*count)));
        let mut item = item_key(user, &self.item);
        item.extend([
            ("bytes".to_owned(), number(self.tally.stored.bytes)),
            ("photos".to_owned(), number(self.tally.stored.photos)),
            ("months".to_owned(), AttributeValue::M(months.collect())),
        ]);
        item
    }

    fn from_item(item: &Item) -> Result<Self, MalformedItem> {
        let reservation = |item: &str| Uuid::try_parse(item.strip_prefix(UNCOUNTED)?.split_once('#')?.0).ok();
        let months = item.get("months").and_then(|months| months.as_m().ok()).ok_or(MalformedItem("months"))?;
        let count = |count: &AttributeValue| count.as_n().ok()?.parse().ok();
        let months = months.iter().map(|(month, value)| Some((month.clone(), count(value)?)));
        Ok(Self {
            item: required(item, "item", |item| Some(item.to_owned()))?,
            reservation: required(item, "item", reservation)?,
            tally: Tally {
                stored: amount(item)?,
                months: months.collect::<Option<_>>().ok_or(MalformedItem("months"))?,
            },
        })
    }
}

/// How many of the first photos one transaction can record and count.
pub(super) fn recorded_together(records: &[PhotoRecord]) -> usize {
    let mut months = BTreeSet::new();
    let writes = records.iter().zip(1..).map(|(record, photos)| {
        months.insert(record.taken.at().month());
        writes(photos, 0, months.len())
    });
    writes.take_while(|writes| *writes <= MAX_WRITES).count()
}

/// Whether one transaction can record these photos, count them and the batches, and change a reservation.
pub(super) fn fit(records: &[PhotoRecord], batches: &[Batch]) -> bool {
    let months = Tally::of(records).with(batches).months.len();
    writes(records.len(), batches.len(), months) <= MAX_WRITES
}

/// Two for each photo, one for each batch and each month, and those of the usage and the reservation.
const fn writes(photos: usize, batches: usize, months: usize) -> usize {
    2 * photos + batches + months + 2
}

impl Library {
    /// Releases the reservations of requests that died.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn release_expired(&self, user: &UserKey) -> Result<(), CloudError> {
        for item in read_all(self.table().query_prefix(user, RESERVATION)).await? {
            if has_expired(&item) {
                let id = |item: &str| Uuid::try_parse(item.strip_prefix(RESERVATION)?).ok();
                match self.release(user, required(&item, "item", id)?, true).await {
                    // Its request is alive, or another call has released it.
                    Err(error) if error.kind() == ErrorKind::Precondition => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// Reserves quota in the reservation `id`, which grows if it exists.
    ///
    /// # Errors
    /// [`ReserveError`].
    pub(super) async fn reserve(
        &self,
        user: &UserKey,
        quota: Quota,
        id: Uuid,
        amount: Amount,
    ) -> Result<(), ReserveError> {
        let expires_at = now() + RESERVATION_LIFETIME;
        let reservation = self
            .table()
            .update(item_key(user, &reservation_item(id)))
            .update_expression("ADD #bytes :bytes, photos :photos SET expiresAt = :expiresAt")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":bytes", number(amount.bytes))
            .expression_attribute_values(":photos", number(amount.photos))
            .expression_attribute_values(":expiresAt", epoch_seconds(expires_at));
        let usage = UsageChange {
            total: Delta::Add(amount),
            reserved: Delta::Add(amount),
            within: Some(quota),
            ..UsageChange::default()
        };
        let fits = amount.bytes <= quota.bytes && amount.photos <= quota.photos;
        let writes = vec![usage.write(self.table(), user), Write::Update(reservation)];
        if fits && self.table().transact(writes).await?.is_none() {
            return Ok(());
        }
        let usage = self.usage(user).await?;
        Err(ReserveError::Exceeded(Exceeded { quota, used: usage.stored(), reserved: usage.reserved }))
    }

    /// Records at most [`recorded_together`] stored photos without counting them, so that it need not wait for other
    /// requests of the user. Photos that are recorded already, or that were deleted, are left out. `None` if none is
    /// left.
    ///
    /// # Errors
    /// Any [`CloudError`]. Events record the photos then.
    pub(super) async fn record_batch(
        &self,
        user: &UserKey,
        reservation: Uuid,
        stored: &[PhotoRecord],
    ) -> Result<Option<Batch>, CloudError> {
        let item = format!("{}{}", uncounted_by(reservation), Uuid::now_v7());
        let batch = |tally: &Tally| {
            let batch = Batch { item: item.clone(), reservation, tally: tally.clone() };
            Some(batch).filter(|batch| batch.tally.stored.photos > 0)
        };
        let note = |tally: &Tally| {
            batch(tally).iter().map(|batch| Write::Put(self.table().put(batch.to_item(user)))).collect()
        };
        let tally = self.record(user, stored.iter().collect(), note).await?;
        Ok(batch(&tally))
    }

    /// The batches that are not counted, those of each reservation together: of one reservation, or of all.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn uncounted(&self, user: &UserKey, reservation: Option<Uuid>) -> Result<Vec<Batch>, CloudError> {
        let prefix = reservation.map_or_else(|| UNCOUNTED.to_owned(), uncounted_by);
        let items = read_all(self.table().query_prefix(user, &prefix)).await?;
        Ok(items.iter().map(Batch::from_item).collect::<Result<_, _>>()?)
    }

    /// Counts those of the batches that nobody has counted meanwhile.
    ///
    /// # Errors
    /// Any [`CloudError`]. It can be repeated.
    pub(crate) async fn count(&self, user: &UserKey, batches: &[Batch]) -> Result<(), CloudError> {
        for mut left in batches.chunk_by(|one, next| one.reservation == next.reservation) {
            while !left.is_empty() {
                let more = (2..=left.len()).take_while(|count| left.get(..*count).is_some_and(|some| fit(&[], some)));
                let (together, rest) = left.split_at(1 + more.count());
                if !self.count_together(user, together).await? {
                    for batch in together {
                        self.count_together(user, std::slice::from_ref(batch)).await?;
                    }
                }
                left = rest;
            }
        }
        Ok(())
    }

    /// Counts batches of one reservation in one transaction. Returns false if somebody has counted one of them.
    async fn count_together(&self, user: &UserKey, batches: &[Batch]) -> Result<bool, CloudError> {
        let Some(Batch { reservation, .. }) = batches.first() else { return Ok(true) };
        let tally = Tally::default().with(batches);
        // The photos of a reservation that has expired are not in the total any more.
        for counted in [self.use_reservation(user, *reservation, &tally), self.add_to_usage(user, &tally)] {
            let mut writes = self.end_batches(user, batches);
            writes.extend(counted);
            let Some(failed) = self.table().transact(writes).await? else { return Ok(true) };
            if failed.iter().take(batches.len()).any(|failed| *failed) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Records stored photos and takes them from the reservation `id`. Photos that are recorded already, or that were
    /// deleted, are left out. Returns how many were not.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`] if there is no such reservation. Events record the photos then.
    pub(super) async fn settle(&self, user: &UserKey, id: Uuid, stored: &[PhotoRecord]) -> Result<u64, CloudError> {
        let spend = |tally: &Tally| self.use_reservation(user, id, tally);
        Ok(self.record(user, stored.iter().collect(), spend).await?.stored.photos)
    }

    /// As [`Library::settle`], and counts batches and ends the reservation, which should hold exactly `held`; `None` if
    /// nobody knows. The photos and the batches must [`fit`] into one transaction.
    ///
    /// # Errors
    /// Those of [`Library::settle`]. The reservation expires then.
    pub(super) async fn settle_last(
        &self,
        user: &UserKey,
        id: Uuid,
        held: Option<Amount>,
        stored: &[PhotoRecord],
        batches: &[Batch],
    ) -> Result<(), CloudError> {
        if let Some(held) = held {
            let end = |tally: &Tally| {
                let mut writes = self.end_batches(user, batches);
                writes.extend(self.end_reservation(user, id, held, &tally.clone().with(batches)));
                writes
            };
            match self.record(user, stored.iter().collect(), end).await {
                // It holds something else: an event has taken a photo or a batch from it, or an earlier call has used
                // it.
                Err(error) if error.kind() == ErrorKind::Precondition => {}
                result => return result.map(|_| ()),
            }
        }
        self.settle(user, id, stored).await?;
        self.release(user, id, false).await
    }

    /// Counts what is left of a reservation's photos, and ends it, perhaps only if it has expired.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`] if it has ended, or changed meanwhile, or has not expired.
    async fn release(&self, user: &UserKey, id: Uuid, must_have_expired: bool) -> Result<(), CloudError> {
        let changed = || CloudError::of_kind(ErrorKind::Precondition, "the reservation has ended or changed");
        self.count(user, &self.uncounted(user, Some(id)).await?).await?;
        let reservation = self.table().get(item_key(user, &reservation_item(id))).await?;
        let reservation = reservation.filter(|item| !must_have_expired || has_expired(item)).ok_or_else(changed)?;
        let end = self.end_reservation(user, id, amount(&reservation)?, &Tally::default());
        self.table().transact(end).await?.map_or(Ok(()), |_| Err(changed()))
    }

    /// Records photos that no request has reserved quota for, because that request died or nobody made one. Returns how
    /// many had neither a record nor a tombstone.
    ///
    /// # Errors
    /// Any [`CloudError`]. It can be repeated.
    pub(crate) async fn accept(&self, user: &UserKey, records: &[PhotoRecord]) -> Result<u64, CloudError> {
        let mut added = 0;
        for batch in records.chunks(BATCH) {
            let tally = self.record(user, batch.iter().collect(), |tally| self.add_to_usage(user, tally)).await?;
            added += tally.stored.photos;
        }
        Ok(added)
    }

    /// Records photos, together with the writes that `rest` makes of what they add up to. Those with a record or a
    /// tombstone are left out. Returns what the others add up to.
    async fn record(
        &self,
        user: &UserKey,
        mut batch: Vec<&PhotoRecord>,
        rest: impl Fn(&Tally) -> Vec<Write>,
    ) -> Result<Tally, CloudError> {
        loop {
            let tally = Tally::of(batch.iter().copied());
            let mut writes: Vec<_> = batch.iter().flat_map(|record| self.own_writes(user, record)).collect();
            let own = writes.len();
            writes.extend(rest(&tally));
            if writes.is_empty() {
                return Ok(tally);
            }
            let Some(failed) = self.table().transact(writes).await? else { return Ok(tally) };
            if !failed.iter().take(own).any(|failed| *failed) {
                return Err(CloudError::of_kind(ErrorKind::Precondition, "the reservation has changed"));
            }
            // An event that has recorded a photo has used the reservation.
            let is_known = |at: usize| failed.iter().skip(2 * at).take(2).any(|failed| *failed);
            batch = batch.into_iter().enumerate().filter(|(at, _)| !is_known(*at)).map(|(_, photo)| photo).collect();
        }
    }

    /// Two writes: a photo's record, which must be new, and the check that the photo was not deleted.
    fn own_writes(&self, user: &UserKey, record: &PhotoRecord) -> [Write; 2] {
        [Write::Put(self.table().put_new(record.to_item(user))), self.not_gone(user, &record.name)]
    }

    /// As [`Library::own_writes`], and a third for the month. A photo whose hash is known needs those of
    /// [`Library::hash_writes`] too.
    pub(crate) fn record_writes(&self, user: &UserKey, record: &PhotoRecord) -> [Write; 3] {
        let [put, check] = self.own_writes(user, record);
        [put, check, self.month(user, &record.taken.at().month(), "1")]
    }

    /// Adds photos that no reservation holds.
    fn add_to_usage(&self, user: &UserKey, tally: &Tally) -> Vec<Write> {
        if tally.stored.photos == 0 {
            return Vec::new();
        }
        let change =
            UsageChange { total: Delta::Add(tally.stored), changes: tally.stored.photos, ..UsageChange::default() };
        let mut writes = self.month_writes(user, tally);
        writes.push(change.write(self.table(), user));
        writes
    }

    fn month_writes(&self, user: &UserKey, tally: &Tally) -> Vec<Write> {
        tally.months.iter().map(|(month, count)| self.month(user, month, &count.to_string())).collect()
    }

    /// Deletes the notes of batches. Their conditions fail if somebody else has counted them.
    fn end_batches(&self, user: &UserKey, batches: &[Batch]) -> Vec<Write> {
        let deletes = batches.iter().map(|batch| {
            let delete = self.table().delete(item_key(user, &batch.item));
            let delete = delete.condition_expression("attribute_exists(#user)");
            Write::Delete(delete.expression_attribute_names("#user", "user"))
        });
        deletes.collect()
    }

    /// Takes photos from a reservation that goes on.
    fn use_reservation(&self, user: &UserKey, id: Uuid, tally: &Tally) -> Vec<Write> {
        let spent = tally.stored;
        if spent.photos == 0 {
            return Vec::new();
        }
        let reservation = self
            .table()
            .update(item_key(user, &reservation_item(id)))
            .update_expression("SET #bytes = #bytes - :bytes, photos = photos - :photos")
            .condition_expression("#bytes >= :bytes AND photos >= :photos")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":bytes", number(spent.bytes))
            .expression_attribute_values(":photos", number(spent.photos));
        let change = UsageChange { reserved: Delta::Subtract(spent), changes: spent.photos, ..UsageChange::default() };
        let mut writes = self.month_writes(user, tally);
        writes.extend([change.write(self.table(), user), Write::Update(reservation)]);
        writes
    }

    /// Ends a reservation of exactly `reserved`, of which `tally` is stored now. The condition fails if that is more
    /// than is reserved.
    fn end_reservation(&self, user: &UserKey, id: Uuid, reserved: Amount, tally: &Tally) -> Vec<Write> {
        let spent = tally.stored;
        let delete = self
            .table()
            .delete(item_key(user, &reservation_item(id)))
            .condition_expression(
                "#bytes = :bytes AND photos = :photos AND #bytes >= :spentBytes AND photos >= :spentPhotos",
            )
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":bytes", number(reserved.bytes))
            .expression_attribute_values(":photos", number(reserved.photos))
            .expression_attribute_values(":spentBytes", number(spent.bytes))
            .expression_attribute_values(":spentPhotos", number(spent.photos));
        let change = UsageChange {
            total: Delta::Subtract(reserved.minus(spent)),
            reserved: Delta::Subtract(reserved),
            changes: spent.photos,
            ..UsageChange::default()
        };
        let mut writes = self.month_writes(user, tally);
        writes.extend([change.write(self.table(), user), Write::Delete(delete)]);
        writes
    }
}

fn has_expired(reservation: &Item) -> bool {
    let expires_at = optional_number(reservation, "expiresAt").and_then(|seconds| i64::try_from(seconds).ok());
    expires_at.is_none_or(|seconds| seconds <= now().as_second())
}

fn amount(item: &Item) -> Result<Amount, MalformedItem> {
    Ok(Amount { bytes: required_number(item, "bytes")?, photos: required_number(item, "photos")? })
}

fn reservation_item(id: Uuid) -> String {
    format!("{RESERVATION}{id}")
}

/// How the range keys of the batches of a reservation begin.
fn uncounted_by(reservation: Uuid) -> String {
    format!("{UNCOUNTED}{reservation}#")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::photos::{PhotoName, PhotoType};

    /// Photos that were taken in these months, as their names say.
    fn taken_in(months: &[u32]) -> Vec<PhotoRecord> {
        let name = |month: &u32| format!("IMG_{}{:02}01_000000.jpg", 2020 + month / 12, 1 + month % 12);
        let name = |month| PhotoName::new(&name(month), PhotoType::Jpg, Timestamp::UNIX_EPOCH);
        months.iter().map(|month| PhotoRecord::new(name(month), 1)).collect()
    }

    fn batch(months: &[u32]) -> Batch {
        let reservation = Uuid::nil();
        let item = format!("{}{}", uncounted_by(reservation), Uuid::max());
        Batch { item, reservation, tally: Tally::of(&taken_in(months)) }
    }

    proptest! {
        #[test]
        fn what_fits_is_what_a_transaction_takes(
            months in proptest::collection::vec(0_u32..60, 0..60),
            batches in proptest::collection::vec(proptest::collection::vec(0_u32..60, 1..50), 0..60),
        ) {
            let records = taken_in(&months);
            let distinct: BTreeSet<_> = months.iter().chain(batches.iter().flatten()).collect();
            let batches: Vec<_> = batches.iter().map(|months| batch(months)).collect();
            let writes = 2 * records.len() + batches.len() + distinct.len() + 2;
            prop_assert_eq!(fit(&records, &batches), writes <= 100);
        }

        #[test]
        fn a_batch_is_read_as_it_was_written(months in proptest::collection::vec(0_u32..60, 1..50)) {
            let written = batch(&months);
            let item = written.to_item(&UserKey::from_segment("ann").unwrap());
            let read = Batch::from_item(&item).unwrap();
            prop_assert_eq!(&read, &written);
            prop_assert_eq!(read.tally.stored.photos, months.len() as u64);
            prop_assert_eq!(read.tally.months.values().sum::<u64>(), months.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn as_many_photos_are_recorded_together_as_a_transaction_takes(
            months in proptest::collection::vec(0_u32..50, 0..120),
        ) {
            let records = taken_in(&months);
            let together = recorded_together(&records);
            prop_assert!(fit(&records[..together], &[]));
            prop_assert!(together == records.len() || !fit(&records[..=together], &[]));
            prop_assert!(together >= records.len().min(BATCH));
            // Its batch can always be counted.
            prop_assert!(fit(&[], &[batch(&months[..together])]));
        }
    }

    #[test]
    fn photos_of_one_month_need_the_fewest_transactions() {
        assert_eq!(recorded_together(&taken_in(&[7; 60])), 48);
        assert_eq!(recorded_together(&taken_in(&(0..60).collect::<Vec<_>>())), 32);
    }
}
