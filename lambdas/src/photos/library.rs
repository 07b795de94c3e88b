use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use aws_types::SdkConfig;
use jiff::Timestamp;

use super::{
    PhotoName, PhotoRecord, PhotoType, TakenAt, Usage,
    record::{PHOTO, Timeline, photo_item},
    usage::USAGE,
};
use crate::{
    config::ConfigError,
    storage::{
        CloudError, ErrorKind,
        table::{
            Item, Table, Write, epoch_seconds, item_key, number, optional_number, pause_before, read_all, required,
            text,
        },
    },
    time::now,
    users::UserKey,
};

/// How the range keys of a user's items begin. See [`Library`].
const GONE: &str = "gone#";
pub(super) const MONTH: &str = "month#";

/// How long a tombstone is kept. An event that is even later finds no object, so it makes no record either.
const TOMBSTONE_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// The maximum number of writes in one transaction (`TransactWriteItems` in the `DynamoDB` API reference).
pub(super) const MAX_WRITES: usize = 100;

/// So many photos always fit into one transaction: each takes up to three of its [`MAX_WRITES`].
pub(super) const BATCH: usize = 30;

/// How many responses of up to 1 MB one page reads while a filter leaves out items of them. Each takes up to a second.
const MAX_FILTERED: usize = 4;

/// The maximum number of attempts of a transaction whose items change between reading and writing them.
pub(super) const MAX_ATTEMPTS: u32 = 10;

/// The photos of all users in the table `library`. The items of a user's partition are:
/// - `photo#{filename}`: a [`PhotoRecord`];
/// - `gone#{filename}`: a tombstone. The photo was deleted, and no late event may bring its record back;
/// - `month#{YYYY-MM}`: the number of photos that were taken in a month;
/// - `reservation#{id}`: what a request may still store, until `expiresAt`;
/// - `uncounted#{id}#{batch}`: photos that are recorded, but still counted as reserved in the reservation `id`;
/// - `usage`: a [`Usage`];
/// - `trash#{time}_{filename}`: a photo in the trash, see [`super::trash`];
/// - `hash#{sha256}` and `hash#{sha256}#{filename}`: photos with the same bytes, see [`super::duplicates`].
///
/// One transaction changes a record and all other items that depend on it, but for the new photos of a request that
/// stores many: those are recorded first, and counted together at its end.
#[derive(Clone, Debug)]
pub struct Library {
    table: Table,
}

/// The records and tombstones of some photos, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub recorded: BTreeSet<PhotoName>,
    pub gone: BTreeSet<PhotoName>,
}

/// Selects photos by when they were taken and by what they are.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Inclusive.
    pub from: Option<TakenAt>,
    /// Exclusive.
    pub to: Option<TakenAt>,
    pub kind: Option<PhotoType>,
    pub favourite: Option<bool>,
    /// Only photos in the trash, or only the others.
    pub in_trash: bool,
    pub oldest_first: bool,
}

/// A part of what a query returns.
struct Page {
    records: Vec<PhotoRecord>,
    /// Whether a record follows.
    has_more: bool,
    /// Where reading ended because a filter had left out too much. Records may follow.
    rest: Option<Item>,
}

impl Library {
    /// Uses the table that `LIBRARY_TABLE` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { table: Table::library(aws)? })
    }

    pub(crate) const fn table(&self) -> &Table {
        &self.table
    }

    /// A photo's record.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get(&self, user: &UserKey, name: &PhotoName) -> Result<Option<PhotoRecord>, CloudError> {
        let item = self.table.get(item_key(user, &photo_item(name))).await?;
        Ok(item.map(|item| PhotoRecord::from_item(&item)).transpose()?)
    }

    /// The records of those of the photos that have one, by name.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn records(
        &self,
        user: &UserKey,
        names: impl IntoIterator<Item = &PhotoName>,
    ) -> Result<BTreeMap<PhotoName, PhotoRecord>, CloudError> {
        let keys = names.into_iter().map(|name| item_key(user, &photo_item(name))).collect();
        let items = self.table.get_all(keys).await?;
        let records = items.iter().map(|item| PhotoRecord::from_item(item).map(|record| (record.name.clone(), record)));
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// At most `limit` photos that are not in the trash by name, which is the order of their uploads, starting after
    /// `after`. Also the name after which the next page starts; `None` on the last page.
    ///
    /// It reads past photos in the trash. Where they are very many, a page ends before `limit`, or is empty.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn list(
        &self,
        user: &UserKey,
        limit: u16,
        after: Option<&PhotoName>,
    ) -> Result<(Vec<PhotoRecord>, Option<PhotoName>), CloudError> {
        let query = self.table.query_prefix(user, PHOTO).filter_expression("attribute_not_exists(trashedAt)");
        let start = after.map(|name| item_key(user, &photo_item(name)));
        let Page { records, has_more, rest } = self.read(query, usize::from(limit), start).await?;
        let next = match rest {
            Some(key) => Some(required(&key, "item", |item| PhotoName::parse(item.strip_prefix(PHOTO)?).ok())?),
            None => records.last().filter(|_| has_more).map(|record| record.name.clone()),
        };
        Ok((records, next))
    }

    /// As [`Library::list`], with photos in the trash, and from a text that need not be the name of a photo.
    pub(crate) async fn list_all(
        &self,
        user: &UserKey,
        limit: u16,
        after: Option<&str>,
    ) -> Result<(Vec<PhotoRecord>, bool), CloudError> {
        let start = after.map(|name| item_key(user, &format!("{PHOTO}{name}")));
        let Page { records, has_more, .. } =
            self.read(self.table.query_prefix(user, PHOTO), usize::from(limit), start).await?;
        Ok((records, has_more))
    }

    /// At most `limit` selected photos by the time at which they were taken, starting after the position `after`. The
    /// flag tells whether there may be more. The index may lag by some milliseconds.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn select(
        &self,
        user: &UserKey,
        selection: &Selection,
        limit: u16,
        after: Option<&Position>,
    ) -> Result<(Vec<PhotoRecord>, bool), CloudError> {
        let Selection { from, to, kind, favourite, in_trash, oldest_first } = selection;
        let timeline = Timeline::of(kind.is_some(), favourite.is_some());
        let filter = timeline.filter(*in_trash, kind.map(PhotoType::extension), *favourite);
        let partition = format!("{user}{filter}");
        // A position continues with `_` and the name, so it is greater than the time alone: `to` is exclusive.
        let mut from = from.as_ref().map_or_else(|| "0".to_owned(), TakenAt::sort_key);
        let mut to = to.as_ref().map_or_else(|| "A".to_owned(), TakenAt::sort_key);
        // DynamoDB refuses a start key outside of the range, as a cursor of another selection may be. So the cursor
        // narrows the range instead.
        match after {
            Some(Position(position)) if *oldest_first => from = from.max(position.clone()),
            Some(Position(position)) => to = to.min(position.clone()),
            None => {}
        }
        if from > to {
            return Ok((Vec::new(), false));
        }
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(timeline.attribute())
            .key_condition_expression("#timeline = :timeline AND #position BETWEEN :from AND :to")
            .expression_attribute_names("#timeline", timeline.attribute())
            .expression_attribute_names("#position", "position")
            .expression_attribute_values(":timeline", text(partition))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .scan_index_forward(*oldest_first);
        // The first photo may be that of the cursor.
        let limit = usize::from(limit);
        let page = self.read(query, limit + usize::from(after.is_some()), None).await?;
        let Page { mut records, mut has_more, .. } = page;
        if let (Some(Position(position)), Some(first)) = (after, records.first()) {
            if first.position() == *position {
                records.remove(0);
            } else {
                has_more |= records.len() > limit;
                records.truncate(limit);
            }
        }
        Ok((records, has_more))
    }

    async fn read(&self, query: QueryFluentBuilder, limit: usize, mut start: Option<Item>) -> Result<Page, CloudError> {
        let mut records = Vec::new();
        let mut filtered = 0;
        // One more record tells whether the page is the last one.
        while records.len() <= limit {
            let left = i32::try_from(limit + 1 - records.len()).unwrap_or(i32::MAX);
            // A response ends at 1 MB. The limit counts the items before the filter. So where the filter leaves items
            // out, a small limit would need many requests.
            let page = query.clone().set_limit((filtered == 0).then_some(left)).set_exclusive_start_key(start);
            let page = page.send().await?;
            filtered += usize::from(page.scanned_count() > page.count());
            for item in page.items() {
                records.push(PhotoRecord::from_item(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() || filtered > MAX_FILTERED {
                break;
            }
        }
        let has_more = records.len() > limit;
        records.truncate(limit);
        Ok(Page { records, rest: start.filter(|_| !has_more), has_more })
    }

    /// The months in which photos were taken, newest first, with their numbers of photos.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn months(&self, user: &UserKey) -> Result<Vec<(String, u64)>, CloudError> {
        let mut months = Vec::new();
        for item in read_all(self.table.query_prefix(user, MONTH)).await? {
            let month = item.get("item").and_then(|item| item.as_s().ok()).and_then(|item| item.strip_prefix(MONTH));
            let count = optional_number(&item, "count").unwrap_or_default();
            months.extend(month.filter(|_| count > 0).map(|month| (month.to_owned(), count)));
        }
        months.reverse();
        Ok(months)
    }

    /// What a user stores.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn usage(&self, user: &UserKey) -> Result<Usage, CloudError> {
        Ok(Usage::from_item(self.table.get(item_key(user, USAGE)).await?.as_ref()))
    }

    /// Replaces a photo's record with a tombstone, after its object was deleted. Returns whether there was a record.
    /// Without one a tombstone is left all the same, because the photo may be about to be recorded.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn remove(&self, user: &UserKey, name: &PhotoName) -> Result<bool, CloudError> {
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let record = self.get(user, name).await?;
            let is_done = if let Some(record) = &record {
                self.replace(user, record, None).await?
            } else {
                let unrecorded = self.table.absent(item_key(user, &photo_item(name)));
                self.table.transact(vec![self.tombstone_write(user, name), unrecorded]).await?.is_none()
            };
            if is_done {
                return Ok(record.is_some());
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "the photo's record kept changing"))
    }

    pub(super) fn tombstone_write(&self, user: &UserKey, name: &PhotoName) -> Write {
        let mut tombstone = item_key(user, &gone_item(name));
        tombstone.insert("ttl".to_owned(), epoch_seconds(now() + TOMBSTONE_LIFETIME));
        Write::Put(self.table.put(tombstone))
    }

    /// The names of deleted photos with a time from `from` to `to`.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn deleted_between(
        &self,
        user: &UserKey,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<PhotoName>, CloudError> {
        // `~` follows the `_` after the time.
        let (from, to) = (PhotoName::timestamp(from), PhotoName::timestamp(to));
        let query = self.table.query_range(user, &format!("{GONE}{from}"), &format!("{GONE}{to}~"));
        let items = read_all(query).await?;
        let names = items.iter().filter_map(|item| item.get("item")?.as_s().ok()?.strip_prefix(GONE));
        Ok(names.filter_map(|name| PhotoName::parse(name).ok()).collect())
    }

    /// Whether there is a tombstone of a photo.
    pub(crate) async fn is_deleted(&self, user: &UserKey, name: &PhotoName) -> Result<bool, CloudError> {
        Ok(self.table.get(item_key(user, &gone_item(name))).await?.is_some())
    }

    /// Which photos have records or tombstones.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn known(&self, user: &UserKey, names: &BTreeSet<PhotoName>) -> Result<Known, CloudError> {
        let keys = names.iter().flat_map(|name| [photo_item(name), gone_item(name)]);
        let mut known = Known::default();
        for item in self.table.get_all(keys.map(|item| item_key(user, &item)).collect()).await? {
            let Some(item) = item.get("item").and_then(|item| item.as_s().ok()) else { continue };
            let name = |prefix| item.strip_prefix(prefix).and_then(|name| PhotoName::parse(name).ok());
            known.recorded.extend(name(PHOTO));
            known.gone.extend(name(GONE));
        }
        Ok(known)
    }

    /// The check that a photo was not deleted.
    pub(super) fn not_gone(&self, user: &UserKey, name: &PhotoName) -> Write {
        self.table.absent(item_key(user, &gone_item(name)))
    }

    pub(super) fn month(&self, user: &UserKey, month: &str, delta: &str) -> Write {
        let update = self
            .table
            .update(item_key(user, &format!("{MONTH}{month}")))
            .update_expression("ADD #count :delta")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":delta", AttributeValue::N(delta.to_owned()));
        Write::Update(update)
    }
}

/// A photo's position in the order of time, as a cursor holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(String);

impl Position {
    /// That of a photo.
    #[must_use]
    pub fn of(record: &PhotoRecord) -> Self {
        Self(record.position())
    }

    /// Reads [`PhotoRecord::position`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (time, name) = text.split_once('_')?;
        let taken_at = TakenAt::parse(time).filter(|taken_at| taken_at.sort_key() == time);
        taken_at.and(PhotoName::parse(name).ok()).map(|_| Self(text.to_owned()))
    }
}

/// The condition that nobody has changed a record since it was read, with its names and values.
pub(super) fn unchanged(record: &PhotoRecord) -> (&'static str, HashMap<String, String>, Item) {
    let names = HashMap::from([("#size".to_owned(), "size".to_owned())]);
    let mut values = Item::from([(":size".to_owned(), number(record.size))]);
    if record.version == 0 {
        return ("#size = :size AND attribute_not_exists(version)", names, values);
    }
    values.insert(":version".to_owned(), number(record.version));
    ("#size = :size AND version = :version", names, values)
}

pub(super) fn gone_item(name: &PhotoName) -> String {
    format!("{GONE}{name}")
}
