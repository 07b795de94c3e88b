//! The queue `index`: events of the bucket

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{StreamExt as _, stream};

use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    events::Handler,
    index::{Indexer, read_notice},
    users::Folder,
};

/// How many users' folders are indexed at once. Each may take the memory of a large dictionary.
const AT_ONCE: usize = 8;

/// How long before its end a run stops, to say which messages go back.
const MARGIN: Duration = Duration::from_secs(2);

/// Brings the dictionaries of all users whose photos changed in step with their folders.
pub struct IndexImages {
    /// Makes the dictionaries.
    pub indexer: Indexer,
    /// The bucket whose events count.
    pub bucket: String,
}

impl Handler for IndexImages {
    type Event = SqsEvent;
    type Answer = SqsBatchResponse;

    /// Messages that are named in the answer stay in the queue, and come again until the queue's redrive policy moves
    /// them to the dead letters.
    async fn handle(&self, event: SqsEvent, deadline: SystemTime) -> Result<SqsBatchResponse, Error> {
        let Batch { folders, unreadable } = Batch::read(event.records, &self.bucket);
        let time = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let deadline = Instant::now() + time.saturating_sub(MARGIN);
        let mut failed: BTreeSet<String> = stream::iter(folders)
            .map(|(folder, ids)| async move {
                let user = folder.public_name();
                let indexed = tokio::time::timeout_at(deadline, self.indexer.index(&folder)).await;
                match indexed {
                    Ok(Ok(indexed)) => {
                        let photos = indexed.totals.count;
                        tracing::info!(user, photos, writes = indexed.writes, "indexed");
                        Vec::new()
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(user, %error, "not indexed; the messages go back");
                        ids
                    }
                    Err(_) => {
                        tracing::warn!(user, "not indexed in time; the messages go back");
                        ids
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .flatten()
            .collect();
        failed.extend(unreadable);
        let mut answer = SqsBatchResponse::default();
        for id in failed {
            answer.add_failure(id);
        }
        Ok(answer)
    }
}

/// A batch by what is to be done with it.
#[derive(Default)]
struct Batch {
    /// The folders to index, each with the ids of the messages that wait for it.
    folders: BTreeMap<Folder, Vec<String>>,
    /// The ids of messages that cannot be read. They go back, and so become dead letters, which somebody looks at:
    /// dropping them could leave a dictionary wrong for ever without a trace.
    unreadable: Vec<String>,
}

impl Batch {
    fn read(messages: Vec<SqsMessage>, bucket: &str) -> Self {
        let mut batch = Self::default();
        for message in messages {
            let id = message.message_id.unwrap_or_default();
            let notice = read_notice(message.body.as_deref().unwrap_or_default(), bucket);
            for folder in notice.folders {
                batch.folders.entry(folder).or_default().push(id.clone());
            }
            if !notice.is_understood {
                tracing::error!(message = id, "a message that is no event of S3; it goes back");
                batch.unreadable.push(id);
            }
        }
        batch
    }
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
        let batch = Batch::read(
            vec![
                message("1", event(&["photos/ann/1.jpg"])),
                message("2", event(&["photos/bob/1.jpg", "photos/ann/2.jpg"])),
                message("3", event(&["photos/ann/1.jpg"])),
                message("4", "?"),
                message("5", event(&["other/ann/1.jpg"])),
            ],
            "b",
        );
        let groups: Vec<_> = batch.folders.iter().map(|(folder, ids)| (folder.as_str(), ids.join(","))).collect();
        assert_eq!(groups, [("ann", "1,2,3".to_owned()), ("bob", "2".to_owned())]);
        assert_eq!(batch.unreadable, ["4"]);
    }
}
