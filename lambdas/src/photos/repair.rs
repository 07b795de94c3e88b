//! What only a repair does to records: see [`crate::repair`].

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, builders::UpdateBuilder};

use super::{
    Amount, Delta, Library, PhotoName, PhotoRecord, USAGE, UsageChange,
    library::{MONTH, gone_item},
    reservation::Tally,
};
use crate::{
    storage::{
        CloudError, ErrorKind,
        table::{Item, Write, item_key, number, read_all, required_number},
    },
    users::UserKey,
};

/// How many records are read at a time. DynamoDB ends a response at 1 MB, which is fewer.
const PAGE: u16 = 4_000;

/// How many months are corrected in one transaction of at most 100 writes.
const MONTHS: usize = 90;

/// The maximum number of attempts while other requests change the user's photos.
const MAX_ATTEMPTS: usize = 5;

/// What a user's records add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recount {
    pub stored: Amount,
    /// Whether the usage or the number of photos of a month was wrong.
    pub is_corrected: bool,
}

impl Library {
    /// When the tombstone of a deleted photo expires, in seconds since 1970; `None` without a tombstone.
    pub(crate) async fn tombstone(&self, user: &UserKey, name: &PhotoName) -> Result<Option<u64>, CloudError> {
        let item = self.table().get(item_key(user, &gone_item(name))).await?;
        Ok(item.map(|item| required_number(&item, "ttl")).transpose()?)
    }

    /// Replaces the tombstone that expires at `ttl` with a record. Returns whether that tombstone was there. If the
    /// photo is deleted again, its tombstone expires later.
    pub(crate) async fn revive(&self, user: &UserKey, record: &PhotoRecord, ttl: u64) -> Result<bool, CloudError> {
        let tombstone = self
            .table()
            .delete(item_key(user, &gone_item(&record.name)))
            .condition_expression("#ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(ttl));
        let usage = UsageChange { total: Delta::Add(Amount::photo(record.size)), changes: 1, ..UsageChange::default() };
        // A transaction may not both check and delete the tombstone.
        let is_check = |write: &Write| matches!(write, Write::Check(_));
        let mut writes: Vec<_> =
            self.record_writes(user, record).into_iter().filter(|write| !is_check(write)).collect();
        writes.extend([Write::Delete(tombstone), usage.write(self.table(), user)]);
        Ok(self.table().transact(writes).await?.is_none())
    }

    /// Counts a change of a user's photos although there was none, so that the photo index is written again.
    pub(crate) async fn touch(&self, user: &UserKey) -> Result<(), CloudError> {
        let usage = UsageChange { changes: 1, ..UsageChange::default() };
        self.table().transact(vec![usage.write(self.table(), user)]).await?;
        Ok(())
    }

    /// Adds up a user's records, and corrects the usage and the numbers of photos by month if they differ.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Throttled`] if the photos keep changing meanwhile.
    pub(crate) async fn recount(&self, user: &UserKey) -> Result<Recount, CloudError> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(recount) = self.try_recount(user).await? {
                return Ok(recount);
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "the user's photos kept changing"))
    }

    /// `None` if a correction is needed, but the photos changed meanwhile, so that the sum may be wrong.
    async fn try_recount(&self, user: &UserKey) -> Result<Option<Recount>, CloudError> {
        self.count(user, &self.uncounted(user, None).await?).await?;
        // These are read before the records. A change that the sum contains and they do not, or the reverse, comes
        // after this read, and then the condition of the correction fails.
        let usage = self.usage(user).await?;
        let months = read_all(self.table().query_prefix(user, MONTH)).await?;
        let Tally { stored, months: actual } = self.sum(user).await?;
        let missing =
            |actual: u64, total: u64, reserved: u64| i128::from(actual) + i128::from(reserved) - i128::from(total);
        let mut bytes = missing(stored.bytes, usage.total.bytes, usage.reserved.bytes);
        let mut photos = missing(stored.photos, usage.total.photos, usage.reserved.photos);
        let months = self.wrong_months(user, &months, actual);
        if bytes == 0 && photos == 0 && months.is_empty() {
            return Ok(Some(Recount { stored, is_corrected: false }));
        }
        // Photos that are not counted yet would be added twice: now, and when they are counted.
        if !self.uncounted(user, None).await?.is_empty() {
            return Ok(None);
        }
        let mut months = months.into_iter().peekable();
        let (mut changes, moves) = (usage.changes, usage.moves);
        loop {
            let mut writes = vec![Write::Update(self.correct_usage(user, (changes, moves), bytes, photos))];
            writes.extend(months.by_ref().take(MONTHS).map(Write::Update));
            if self.table().transact(writes).await?.is_some() {
                return Ok(None);
            }
            (bytes, photos, changes) = (0, 0, changes + 1);
            if months.peek().is_none() {
                return Ok(Some(Recount { stored, is_corrected: true }));
            }
        }
    }

    async fn sum(&self, user: &UserKey) -> Result<Tally, CloudError> {
        let mut sum = Tally::default();
        let mut after = None;
        loop {
            let (records, has_more) = self.list_all(user, PAGE, after.as_ref().map(PhotoName::as_str)).await?;
            for record in &records {
                sum.add(record);
            }
            after = records.into_iter().last().map(|record| record.name);
            if !has_more || after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// An update for each month whose number is not the actual one, on the condition that the number is unchanged.
    fn wrong_months(&self, user: &UserKey, counted: &[Item], mut actual: BTreeMap<String, u64>) -> Vec<UpdateBuilder> {
        let mut updates = Vec::new();
        for item in counted {
            let Some(key) = item.get("item").and_then(|item| item.as_s().ok()) else { continue };
            let Some(month) = key.strip_prefix(MONTH) else { continue };
            let count = actual.remove(month).unwrap_or_default();
            let old = item.get("count").cloned();
            if old != Some(number(count)) {
                updates.push(self.correct_month(user, month, count, old));
            }
        }
        updates.extend(actual.into_iter().map(|(month, count)| self.correct_month(user, &month, count, None)));
        updates
    }

    fn correct_month(&self, user: &UserKey, month: &str, count: u64, old: Option<AttributeValue>) -> UpdateBuilder {
        let update = self
            .table()
            .update(item_key(user, &format!("{MONTH}{month}")))
            .update_expression("SET #count = :count")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":count", number(count));
        match old {
            Some(old) => update.condition_expression("#count = :old").expression_attribute_values(":old", old),
            None => update.condition_expression("attribute_not_exists(#count)"),
        }
    }

    /// Adds to the usage on the condition that the photos have not changed. Reservations may have: they change what is
    /// stored and reserved together, so the same amount is missing.
    fn correct_usage(&self, user: &UserKey, seen: (u64, u64), bytes: i128, photos: i128) -> UpdateBuilder {
        let mut update = self
            .table()
            .update(item_key(user, USAGE))
            .update_expression("ADD #bytes :bytes, photos :photos, changes :one")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":bytes", AttributeValue::N(bytes.to_string()))
            .expression_attribute_values(":photos", AttributeValue::N(photos.to_string()))
            .expression_attribute_values(":one", number(1));
        let mut unchanged = Vec::new();
        for (name, seen) in [("changes", seen.0), ("moves", seen.1)] {
            unchanged.push(match seen {
                0 => format!("(attribute_not_exists({name}) OR {name} = :{name})"),
                _ => format!("{name} = :{name}"),
            });
            update = update.expression_attribute_values(format!(":{name}"), number(seen));
        }
        update.condition_expression(unchanged.join(" AND "))
    }
}
