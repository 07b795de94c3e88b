//! Every hour

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Error;
use serde::{Serialize, de::IgnoredAny};
use tokio::time::Instant;

use crate::{
    handlers::worker::{Worker, latest_start},
    photos::Trash,
    time::now,
};

/// Longer than starting for a page of users takes.
const MARGIN: Duration = Duration::from_mins(1);

/// Has photos deleted permanently that have been in the trash for long.
pub struct PurgeStart {
    pub trash: Trash,
    /// How long photos stay in the trash.
    pub lifetime: Duration,
}

#[derive(Serialize)]
pub struct Started {
    /// How many users' trashes are being emptied.
    users: u64,
}

impl Worker for PurgeStart {
    type Event = IgnoredAny;
    type Response = Started;

    async fn handle(&self, _: IgnoredAny, deadline: Instant) -> Result<Started, Error> {
        let before = now().checked_sub(self.lifetime).unwrap_or(Timestamp::UNIX_EPOCH);
        let users = self.trash.purge(before, latest_start(deadline, MARGIN)).await?;
        tracing::info!(users, "started");
        Ok(Started { users })
    }
}
