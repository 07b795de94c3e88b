//! The queue `index`: events of the bucket

use std::{collections::BTreeMap, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    index::{Indexer, read_notice},
    telemetry::Chain,
    users::UserKey,
};

/// How many users are indexed at once. Each may need the memory of a large index.
const AT_ONCE: usize = 8;

/// Leaves time to report the messages that stay in the queue.
const MARGIN: Duration = Duration::from_secs(2);

/// Updates the photo index of every user whose photos changed.
pub struct IndexImages {
    pub indexer: Indexer,
    /// Events of other buckets are ignored.
    pub bucket: String,
}

impl Worker for IndexImages {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        let by_user = group(&event.records, &self.bucket, &mut batch);
        let outcomes: Vec<_> = stream::iter(by_user)
            .map(|(user, ids)| async move {
                let outcome = tokio::time::timeout_at(until, self.indexer.index(&user)).await;
                (user, ids, outcome)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (user, ids, outcome) in outcomes {
            let user = user.as_str();
            match outcome {
                Ok(Ok(indexed)) => {
                    tracing::info!(user, photos = indexed.totals.count, writes = indexed.writes, "indexed");
                }
                Ok(Err(error)) => ids.iter().for_each(|id| batch.retry(id, Chain(&error))),
                Err(error) => ids.iter().for_each(|id| batch.retry(id, &error)),
            }
        }
        Ok(batch.into_response())
    }
}

/// The ids of the messages about each user whose photos changed.
///
/// An unreadable message stays in the queue and so becomes a dead letter that somebody looks at. Dropping it could
/// leave an index wrong without a trace.
fn group(messages: &[SqsMessage], bucket: &str, batch: &mut Batch) -> BTreeMap<UserKey, Vec<String>> {
    let mut by_user: BTreeMap<UserKey, Vec<String>> = BTreeMap::new();
    for message in messages {
        let id = message.message_id.as_deref().unwrap_or_default();
        let notice = read_notice(message.body.as_deref().unwrap_or_default(), bucket);
        for user in notice.users {
            by_user.entry(user).or_default().push(id.to_owned());
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

    fn event(keys: &[&str]) -> String {
        let records: Vec<_> =
            keys.iter().map(|key| json!({"s3": {"bucket": {"name": "b"}, "object": {"key": key}}})).collect();
        json!({ "Records": records }).to_string()
    }

    #[test]
    fn a_batch_is_grouped_by_user() {
        let mut batch = Batch::default();
        let messages = [
            message("1", event(&["photos/ann/1.jpg"])),
            message("2", event(&["photos/bob/1.jpg", "photos/ann/2.jpg"])),
            message("3", event(&["photos/ann/1.jpg"])),
            message("4", "?"),
            message("5", event(&["other/ann/1.jpg"])),
        ];
        let by_user = group(&messages, "b", &mut batch);
        let groups: Vec<_> = by_user.iter().map(|(user, ids)| (user.as_str(), ids.join(","))).collect();
        assert_eq!(groups, [("ann", "1,2,3".to_owned()), ("bob", "2".to_owned())]);
        let retried = batch.into_response().batch_item_failures;
        assert_eq!(retried.iter().map(|failure| failure.item_identifier.as_str()).collect::<Vec<_>>(), ["4"]);
    }
}
