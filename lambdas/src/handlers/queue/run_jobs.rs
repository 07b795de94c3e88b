//! The queue `jobs`

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    jobs::{self, Task},
    telemetry::Chain,
};

/// Leaves time to store the report of a chunk.
const MARGIN: Duration = Duration::from_secs(15);

/// `max_receives` of the queue in `service.json`.
const MAX_RECEIVES: u32 = 5;

/// Plans jobs and does their chunks.
pub struct RunJobs {
    pub worker: jobs::Worker,
}

impl Worker for RunJobs {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        for message in &event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            let Some(task) = Task::parse(message.body.as_deref().unwrap_or_default()) else {
                batch.retry(id, "not a message about a job");
                continue;
            };
            // In a box, because the compiler refuses a future that is nested this deeply.
            if let Err(error) = Box::pin(self.worker.go_on(&task, is_last_delivery(message), until)).await {
                batch.retry(id, Chain(&error));
            }
        }
        Ok(batch.into_response())
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
