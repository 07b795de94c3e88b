//! The queue `repair`: parts of runs

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::Consumer,
    repair::{Repair, Task},
};

/// Compares the photos of users with their records, and corrects the records.
pub struct RepairPhotos {
    pub repair: Repair,
}

impl Consumer for RepairPhotos {
    type Task = Task;

    /// Longer than one step takes, even if all its photos need a change and the table slows it down.
    const MARGIN: Duration = Duration::from_secs(45);

    fn read(&self, message: &SqsMessage) -> Option<Task> {
        Task::parse(message.body.as_deref()?)
    }

    async fn consume(&self, task: Task, until: Instant) -> Result<(), Error> {
        Ok(self.repair.go_on(&task, until).await?)
    }
}
