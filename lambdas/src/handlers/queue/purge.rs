//! The queue `purge`: users whose trashes are being emptied

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::Consumer,
    photos::{Deletion, TrashQueue},
    users::UserKey,
};

/// Deletes the photos in users' trashes permanently.
pub struct Purge {
    pub deletion: Deletion,
    pub queue: TrashQueue,
}

impl Consumer for Purge {
    /// Whose trash is being emptied.
    type Task = UserKey;

    /// Longer than deleting a batch of photos takes.
    const MARGIN: Duration = Duration::from_secs(20);

    fn read(&self, message: &SqsMessage) -> Option<UserKey> {
        TrashQueue::parse(message.body.as_deref()?)
    }

    /// Deletes a user's photos, and leaves those that are not deleted at `until` to another message.
    async fn consume(&self, user: UserKey, until: Instant) -> Result<(), Error> {
        let is_done = self.deletion.empty_trash(&user, until).await?;
        tracing::info!(user = user.as_str(), is_done, "emptied a trash");
        if is_done { Ok(()) } else { Ok(self.queue.send(&user).await?) }
    }
}
