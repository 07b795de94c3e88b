//! The queue `index`: users whose photo indexes are outdated

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::Error;
use tokio::time::{Instant, timeout_at};

use crate::{
    handlers::worker::Consumer,
    index::{Indexer, Message},
    users::UserKey,
};

/// Writes the photo index of each user that a message names.
pub struct IndexImages {
    pub indexer: Indexer,
}

impl Consumer for IndexImages {
    /// A user, and when the index may be written again.
    type Task = (UserKey, i64);

    /// Leaves time to report the messages that stay in the queue.
    const MARGIN: Duration = Duration::from_secs(2);

    fn read(&self, message: &SqsMessage) -> Option<Self::Task> {
        read(message)
    }

    async fn consume(&self, (user, due): Self::Task, until: Instant) -> Result<(), Error> {
        let outcome = timeout_at(until, self.indexer.index(&user, due)).await??;
        tracing::info!(user = user.as_str(), ?outcome, "indexed");
        Ok(())
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
