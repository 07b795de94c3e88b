//! The queue `jobs`

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::Consumer,
    jobs::{self, Task},
};

/// `max_receives` of the queue in `service.json`.
const MAX_RECEIVES: u32 = 5;

/// Plans jobs and does their chunks.
pub struct RunJobs {
    pub worker: jobs::Worker,
}

impl Consumer for RunJobs {
    /// With whether this is the last delivery of its message.
    type Task = (Task, bool);

    /// Leaves time to store the report of a chunk.
    const MARGIN: Duration = Duration::from_secs(15);

    fn read(&self, message: &SqsMessage) -> Option<Self::Task> {
        Some((Task::parse(message.body.as_deref()?)?, is_last_delivery(message)))
    }

    async fn consume(&self, (task, is_last_delivery): Self::Task, until: Instant) -> Result<(), Error> {
        Ok(self.worker.go_on(&task, is_last_delivery, until).await?)
    }
}

/// Whether SQS moves the message to the dead-letter queue if it fails once more.
fn is_last_delivery(message: &SqsMessage) -> bool {
    let received = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    received.is_some_and(|received: u32| received >= MAX_RECEIVES)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_manifest_moves_messages_after_as_many_deliveries() {
        let manifest: Value = serde_json::from_str(include_str!("../../../service.json")).unwrap();
        assert_eq!(manifest["queues"]["jobs"]["max_receives"], MAX_RECEIVES);
    }
}
