//! The queue `photos`: events of the bucket

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Error;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    index::IndexSchedule,
    photos::{Amount, Change, Reconciled, Reconciler, Usage, read_notice},
    storage::CloudError,
    telemetry::Chain,
    users::UserKey,
};

/// How many users are handled at once.
const AT_ONCE: usize = 8;

/// Leaves time to report the messages that stay in the queue.
const MARGIN: Duration = Duration::from_secs(2);

/// How long a request that has stored a photo may take to record it, and to count it, before an event does.
const GRACE: Duration = Duration::from_secs(1);

/// Makes the records of photos equal the bucket, and has outdated photo indexes written.
pub struct RecordPhotos {
    pub reconciler: Reconciler,
    pub schedule: IndexSchedule,
    /// Events of other buckets are ignored.
    pub bucket: String,
}

/// What the messages of a batch say about one user.
#[derive(Default)]
struct OfUser {
    messages: Vec<String>,
    changes: Vec<Change>,
}

impl Worker for RecordPhotos {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        let by_user = group(&event.records, &self.bucket, &mut batch);
        let outcomes: Vec<_> = stream::iter(by_user)
            .map(async |(user, of_user)| {
                let outcome = timeout_at(until, self.record(&user, &of_user.changes)).await;
                (user, of_user.messages, outcome)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (user, messages, outcome) in outcomes {
            match outcome {
                Ok(Ok(Reconciled { added: 0, removed: 0 })) => {}
                // Usually the request that stored or deleted a photo has changed the record.
                Ok(Ok(Reconciled { added, removed })) => {
                    tracing::info!(user = user.as_str(), added, removed, "an event changed records");
                }
                Ok(Err(error)) => messages.iter().for_each(|id| batch.retry(id, Chain(&error))),
                Err(error) => messages.iter().for_each(|id| batch.retry(id, &error)),
            }
        }
        Ok(batch.into_response())
    }
}

impl RecordPhotos {
    async fn record(&self, user: &UserKey, changes: &[Change]) -> Result<Reconciled, CloudError> {
        let mut open = self.reconciler.open(user, changes).await?;
        if open.iter().any(|change| change.is_creation) {
            sleep(GRACE).await;
            open = self.reconciler.open(user, &open).await?;
        }
        let names: BTreeSet<_> = open.into_iter().map(|change| change.name).collect();
        let names: Vec<_> = names.into_iter().collect();
        let done = self.reconciler.reconcile(user, &names).await?;
        let usage = self.counted(user).await?;
        self.schedule.poke_at(user, &usage).await?;
        Ok(done)
    }

    /// The user's usage, with the photos that a request has recorded and not counted within a second. Usually it has
    /// died. Each of these photos has an event that comes after its record.
    async fn counted(&self, user: &UserKey) -> Result<Usage, CloudError> {
        let library = &self.reconciler.library;
        let usage = library.usage(user).await?;
        if usage.reserved == Amount::default() {
            return Ok(usage);
        }
        let before = library.uncounted(user, None).await?;
        if !before.is_empty() {
            sleep(GRACE).await;
            let mut left = library.uncounted(user, None).await?;
            left.retain(|batch| before.contains(batch));
            library.count(user, &left).await?;
        }
        library.usage(user).await
    }
}

/// The changes of each user's photos.
///
/// An unreadable message stays in the queue and so becomes a dead letter that somebody looks at. Dropping it could
/// leave a photo without a record and without a trace.
fn group(messages: &[SqsMessage], bucket: &str, batch: &mut Batch) -> BTreeMap<UserKey, OfUser> {
    let mut by_user: BTreeMap<UserKey, OfUser> = BTreeMap::new();
    for message in messages {
        let id = message.message_id.as_deref().unwrap_or_default();
        let notice = read_notice(message.body.as_deref().unwrap_or_default(), bucket);
        for (user, changes) in notice.photos {
            let of_user = by_user.entry(user).or_default();
            of_user.messages.push(id.to_owned());
            of_user.changes.extend(changes);
        }
        if !notice.is_understood {
            batch.retry(id, "not an S3 event");
        }
    }
    by_user
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str, body: impl Into<String>) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.body = Some(body.into());
        message
    }

    fn event(users: &[&str]) -> String {
        let key = |user: &&str| format!("photos/{user}/20261121T020304056Z_cat.jpg");
        let records: Vec<_> =
            users.iter().map(|user| json!({"s3": {"bucket": {"name": "b"}, "object": {"key": key(user)}}})).collect();
        json!({ "Records": records }).to_string()
    }

    #[test]
    fn a_batch_is_grouped_by_user() {
        let mut batch = Batch::default();
        let messages = [
            message("1", event(&["ann"])),
            message("2", event(&["bob", "ann"])),
            message("3", event(&["ann"])),
            message("4", "?"),
            message("5", event(&["../ann"])),
        ];
        let by_user = group(&messages, "b", &mut batch);
        let groups: Vec<_> =
            by_user.iter().map(|(user, of)| (user.as_str(), of.messages.join(","), of.changes.len())).collect();
        assert_eq!(groups, [("ann", "1,2,3".to_owned(), 3), ("bob", "2".to_owned(), 1)]);
        let retried = batch.into_response().batch_item_failures;
        assert_eq!(retried.iter().map(|failure| failure.item_identifier.as_str()).collect::<Vec<_>>(), ["4"]);
    }
}
