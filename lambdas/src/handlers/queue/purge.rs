//! The queue `purge`: users whose trashes are being emptied

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    photos::{Deletion, StoreError, TrashQueue},
    telemetry::Chain,
    users::UserKey,
};

/// Longer than deleting a batch of photos takes.
const MARGIN: Duration = Duration::from_secs(20);

/// Deletes the photos in users' trashes permanently.
pub struct Purge {
    pub deletion: Deletion,
    pub queue: TrashQueue,
}

impl Worker for Purge {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        for message in &event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            let Some(user) = TrashQueue::parse(message.body.as_deref().unwrap_or_default()) else {
                batch.retry(id, "not a message about a trash");
                continue;
            };
            // In a box, because the compiler refuses a future that is nested this deeply.
            if let Err(error) = Box::pin(self.purge(&user, until)).await {
                batch.retry(id, Chain(&error));
            }
        }
        Ok(batch.into_response())
    }
}

impl Purge {
    /// Deletes a user's photos, and leaves those that are not deleted at `until` to another message.
    async fn purge(&self, user: &UserKey, until: Instant) -> Result<(), StoreError> {
        let is_done = self.deletion.empty_trash(user, until).await?;
        tracing::info!(user = user.as_str(), is_done, "emptied a trash");
        if is_done { Ok(()) } else { Ok(self.queue.send(user).await?) }
    }
}
