//! The queue `repair`: parts of runs

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    repair::{Repair, Task},
    telemetry::Chain,
};

/// Longer than one step takes, even if all its photos need a change and the table slows it down.
const MARGIN: Duration = Duration::from_secs(45);

/// Compares the photos of users with their records, and corrects the records.
pub struct RepairPhotos {
    pub repair: Repair,
}

impl Worker for RepairPhotos {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, MARGIN);
        let mut batch = Batch::default();
        for message in &event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            let Some(task) = Task::parse(message.body.as_deref().unwrap_or_default()) else {
                batch.retry(id, "not a message about a repair");
                continue;
            };
            // In a box, because the compiler refuses a future that is nested this deeply.
            if let Err(error) = Box::pin(self.repair.go_on(&task, until)).await {
                batch.retry(id, Chain(&error));
            }
        }
        Ok(batch.into_response())
    }
}
