//! The trash.
//!
//! Emptying it has two steps. First, the item `usage` notes the time up to which the trash is being emptied, in
//! `trashEmptied`. From then on, photos that were moved to the trash up to that time cannot be restored, and photos
//! that are moved there afterwards get a later time. So a photo that was restored is never deleted. Then a message in
//! the queue `purge` names the user, and its consumer deletes the photos.
//!
//! A schedule does the same for photos that have been in the trash for `TRASH_DAYS`. It finds their users by the index
//! `trashes`, which has an entry for each user with photos in the trash. `trashSince` is no later than the time at
//! which the oldest of them was moved there. While a trash is being emptied, it is the year 1970, so that the schedule
//! sends a lost message again.

use std::time::Duration;

use aws_types::SdkConfig;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Amount, Delta, Library, PhotoName, PhotoRecord, USAGE, UsageChange, record::photo_item, usage::YES};
use crate::{
    config::{ConfigError, optional},
    storage::{
        CloudError, ErrorKind, Queue,
        table::{Item, MalformedItem, Write, item_key, number, required, required_number, send, text, time},
    },
    time::{now, rfc3339},
    users::UserKey,
};

/// How the range keys of markers begin.
const TRASH: &str = "trash#";

/// The default of `TRASH_DAYS`.
const DAYS: u32 = 30;

/// How many users' trashes are handled at once.
const AT_ONCE: usize = 16;

/// The item `trash#{time}_{filename}` of a photo that was moved to the trash at that time. It lists a user's trash in
/// order, and consistently, which an index does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) name: PhotoName,
    pub(super) trashed_at: Timestamp,
    /// The size of the photo, in bytes.
    pub(super) size: u64,
}

impl Marker {
    /// The marker of a photo in the trash.
    pub(super) fn of(record: &PhotoRecord) -> Option<Self> {
        let trashed_at = record.trashed_at?;
        Some(Self { name: record.name.clone(), trashed_at, size: record.size })
    }

    fn item(&self) -> String {
        format!("{TRASH}{}_{}", rfc3339(self.trashed_at), self.name)
    }

    pub(super) fn key(&self, user: &UserKey) -> Item {
        item_key(user, &self.item())
    }

    pub(super) fn to_item(&self, user: &UserKey) -> Item {
        let mut item = self.key(user);
        item.insert("size".to_owned(), number(self.size));
        item
    }

    fn from_item(item: &Item) -> Result<Self, MalformedItem> {
        let (trashed_at, name) = required(item, "item", |item| {
            let (time, name) = item.strip_prefix(TRASH)?.split_once('_')?;
            Some((time.parse().ok()?, PhotoName::parse(name).ok()?))
        })?;
        Ok(Self { name, trashed_at, size: required_number(item, "size")? })
    }
}

/// Starts the emptying of trashes.
#[derive(Clone, Debug)]
pub struct Trash {
    library: Library,
    queue: TrashQueue,
}

impl Trash {
    /// Uses the table and the queue in the environment.
    ///
    /// # Errors
    /// If `LIBRARY_TABLE` or `PURGE_QUEUE_URL` is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { library: Library::from_env(aws)?, queue: TrashQueue::from_env(aws)? })
    }

    /// How long photos stay in the trash: `TRASH_DAYS` (default 30).
    ///
    /// # Errors
    /// If it is set to something other than a number of days.
    pub fn lifetime() -> Result<Duration, ConfigError> {
        Ok(Duration::from_hours(24) * optional("TRASH_DAYS", DAYS)?)
    }

    /// Has everything deleted that is in a user's trash now.
    ///
    /// # Errors
    /// Any [`CloudError`]. It must be repeated then.
    pub async fn empty(&self, user: &UserKey) -> Result<(), CloudError> {
        let Some(newest) = self.library.newest_in_trash(user).await? else { return Ok(()) };
        self.empty_up_to(user, now().max(newest)).await
    }

    /// Has everything deleted that was moved to the trash before that time, by any user. Returns how many users that
    /// concerns. No users are looked up after `until`; the next call continues.
    ///
    /// # Errors
    /// Any [`CloudError`]. It must be repeated then.
    pub async fn purge(&self, before: Timestamp, until: Instant) -> Result<u64, CloudError> {
        let mut users = 0;
        let mut start = None;
        while Instant::now() < until {
            let (due, next) = self.library.due(before, start).await?;
            users += due.len() as u64;
            let started = stream::iter(due)
                .map(Ok)
                .try_for_each_concurrent(AT_ONCE, async |user: UserKey| self.empty_up_to(&user, before).await);
            started.await?;
            start = next;
            if start.is_none() {
                break;
            }
        }
        Ok(users)
    }

    async fn empty_up_to(&self, user: &UserKey, time: Timestamp) -> Result<(), CloudError> {
        self.library.begin_emptying(user, time).await?;
        self.queue.send(user).await
    }
}

/// The queue `purge`: users whose trashes are being emptied.
#[derive(Clone, Debug)]
pub struct TrashQueue {
    queue: Queue,
}

/// A message in the queue.
#[derive(Serialize, Deserialize)]
struct Message {
    user: String,
}

impl TrashQueue {
    /// The queue that `PURGE_QUEUE_URL` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { queue: Queue::from_env(aws, "PURGE_QUEUE_URL")? })
    }

    /// Sends a message about a user.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn send(&self, user: &UserKey) -> Result<(), CloudError> {
        self.queue.send(&[Message { user: user.to_string() }]).await
    }

    /// The user that a message is about; `None` if it is not one of this queue.
    #[must_use]
    pub fn parse(json: &str) -> Option<UserKey> {
        let Message { user } = serde_json::from_str(json).ok()?;
        UserKey::from_segment(&user)
    }
}

impl Library {
    /// At most `limit` photos in the trash, oldest first, from after `last` up to and including `until`.
    pub(super) async fn trashed(
        &self,
        user: &UserKey,
        until: Option<Timestamp>,
        last: Option<&Marker>,
        limit: usize,
    ) -> Result<Vec<Marker>, CloudError> {
        // All times have the same length, and `_` follows them.
        let end = until.map_or_else(|| "A".to_owned(), |until| format!("{}_\u{10FFFF}", rfc3339(until)));
        let page = self
            .table()
            .query_range(user, TRASH, &format!("{TRASH}{end}"))
            .set_exclusive_start_key(last.map(|last| last.key(user)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        Ok(page.items().iter().map(Marker::from_item).collect::<Result<_, _>>()?)
    }

    /// When the newest photo in a user's trash was moved there.
    async fn newest_in_trash(&self, user: &UserKey) -> Result<Option<Timestamp>, CloudError> {
        let newest = self.table().query_prefix(user, TRASH).scan_index_forward(false).limit(1).send().await?;
        Ok(newest.items().first().map(Marker::from_item).transpose()?.map(|marker| marker.trashed_at))
    }

    /// A page of users with photos that were moved to the trash before that time, those with the oldest first, and
    /// where the next page begins.
    async fn due(&self, before: Timestamp, start: Option<Item>) -> Result<(Vec<UserKey>, Option<Item>), CloudError> {
        let page = self
            .table()
            .client
            .query()
            .table_name(&self.table().name)
            .index_name("trashes")
            .key_condition_expression("hasTrash = :yes AND trashSince < :before")
            .expression_attribute_values(":yes", text(YES))
            .expression_attribute_values(":before", time(before))
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let users = page.items().iter().map(|item| required(item, "user", UserKey::from_segment));
        Ok((users.collect::<Result<_, _>>()?, page.last_evaluated_key))
    }

    /// Notes that a user's trash is being emptied up to `until`, if there is one and no later time is noted.
    async fn begin_emptying(&self, user: &UserKey, until: Timestamp) -> Result<(), CloudError> {
        let update = self
            .usage_update(user)
            .update_expression("SET trashEmptied = :until, trashSince = :first")
            .condition_expression(
                "attribute_exists(hasTrash) AND (attribute_not_exists(trashEmptied) OR trashEmptied < :until)",
            )
            .expression_attribute_values(":until", time(until))
            .expression_attribute_values(":first", time(Timestamp::UNIX_EPOCH));
        match send(update).await.map_err(CloudError::from) {
            Err(error) if error.kind() != ErrorKind::Precondition => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes when the oldest remaining photo was moved to the trash. If the user's photos change meanwhile, the
    /// schedule looks at this user again.
    pub(super) async fn finish_emptying(&self, user: &UserKey) -> Result<(), CloudError> {
        let changes = self.usage(user).await?.changes;
        let oldest = self.trashed(user, None, None, 1).await?;
        let update = self
            .usage_update(user)
            .condition_expression("changes = :changes")
            .expression_attribute_values(":changes", number(changes));
        let update = match oldest.first() {
            Some(oldest) => update
                .update_expression("SET trashSince = :since")
                .expression_attribute_values(":since", time(oldest.trashed_at)),
            None => update.update_expression("REMOVE hasTrash, trashSince"),
        };
        match send(update).await.map_err(CloudError::from) {
            Err(error) if error.kind() != ErrorKind::Precondition => Err(error),
            _ => Ok(()),
        }
    }

    fn usage_update(
        &self,
        user: &UserKey,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.table().client.update_item().table_name(&self.table().name).set_key(Some(item_key(user, USAGE)))
    }

    /// Replaces the records of photos in the trash with tombstones, after their objects were deleted.
    pub(super) async fn remove_trashed(&self, user: &UserKey, markers: &[Marker]) -> Result<(), CloudError> {
        if markers.is_empty() {
            return Ok(());
        }
        let mut writes = Vec::new();
        for marker in markers {
            let delete = self
                .table()
                .delete(item_key(user, &photo_item(&marker.name)))
                .condition_expression("trashedAt = :trashedAt AND #size = :size")
                .expression_attribute_names("#size", "size")
                .expression_attribute_values(":trashedAt", time(marker.trashed_at))
                .expression_attribute_values(":size", number(marker.size));
            let marker_gone = Write::Delete(self.table().delete(marker.key(user)));
            writes.extend([Write::Delete(delete), self.tombstone_write(user, &marker.name), marker_gone]);
        }
        let total = markers.iter().fold(Amount::default(), |sum, marker| sum.plus(Amount::photo(marker.size)));
        let change = UsageChange { total: Delta::Subtract(total), changes: 1, ..UsageChange::default() };
        writes.push(change.write(self.table(), user));
        if self.table().transact(writes).await?.is_some() {
            // An event or another call has removed some of them.
            for marker in markers {
                self.remove(user, &marker.name).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::photos::record::tests::record;

    fn user() -> UserKey {
        UserKey::from_segment("ann").unwrap()
    }

    proptest! {
        #[test]
        fn markers_are_in_the_order_of_time(first in record(), second in record()) {
            let markers = [first, second].map(|record| Marker::of(&record));
            if let [Some(first), Some(second)] = markers {
                prop_assert_eq!(Marker::from_item(&first.to_item(&user())), Ok(first.clone()));
                let in_order = (first.trashed_at, &first.name) <= (second.trashed_at, &second.name);
                prop_assert_eq!(first.item() <= second.item(), in_order);
            }
        }
    }

    #[test]
    fn a_message_names_a_user() {
        assert_eq!(TrashQueue::parse("{\"user\": \"ann\"}"), Some(user()));
        for wrong in ["", "{}", "{\"user\": \"a/b\"}", "{\"user\": 7}"] {
            assert_eq!(TrashQueue::parse(wrong), None, "{wrong}");
        }
    }
}
