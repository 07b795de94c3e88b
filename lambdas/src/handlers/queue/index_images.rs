//! The queue `index`: users whose photo indexes are outdated

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;
use tokio::time::{Instant, timeout_at};

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    index::{Indexer, Message},
    telemetry::Chain,
    users::UserKey,
};

/// Leaves time to report the messages that stay in the queue.
const MARGIN: Duration = Duration::from_secs(2);

/// Writes the photo index of each user that a message names.
pub struct IndexImages {
    pub indexer: Indexer,
}

impl Worker for IndexImages {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        for message in &event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            let Some((user, due)) = read(message) else {
                batch.retry(id, "not a message about a photo index");
                continue;
            };
            // In a box, because the compiler refuses a future that is nested this deeply.
            match timeout_at(until, Box::pin(self.indexer.index(&user, due))).await {
                Ok(Ok(outcome)) => tracing::info!(user = user.as_str(), ?outcome, "indexed"),
                Ok(Err(error)) => batch.retry(id, Chain(&error)),
                Err(error) => batch.retry(id, error),
            }
        }
        Ok(batch.into_response())
    }
}

fn read(message: &SqsMessage) -> Option<(UserKey, i64)> {
    let Message { user, due } = serde_json::from_str(message.body.as_deref()?).ok()?;
    Some((UserKey::from_segment(&user)?, due))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.body = Some(body.to_owned());
        message
    }

    #[test]
    fn a_message_names_a_user_and_a_time() {
        let (user, due) = read(&message("{\"user\": \"ann\", \"due\": 7}")).unwrap();
        assert_eq!((user.as_str(), due), ("ann", 7));
        for wrong in ["", "{}", "{\"user\": \"a/b\", \"due\": 7}", "{\"user\": \"ann\"}"] {
            assert!(read(&message(wrong)).is_none(), "{wrong}");
        }
    }
}
