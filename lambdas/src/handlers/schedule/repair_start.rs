//! Once a week, and by hand

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{handlers::worker::Worker, repair::Starter, users::UserKey};

/// Starts a repair of all users' photos, or of one user's.
pub struct RepairStart {
    pub starter: Starter,
}

/// The event. That of the schedule names no user.
#[derive(Deserialize)]
pub struct Start {
    #[serde(default)]
    user: Option<String>,
}

#[derive(Serialize)]
pub struct Started {
    run: Uuid,
}

impl Worker for RepairStart {
    type Event = Start;
    type Response = Started;

    async fn handle(&self, event: Start, _: Instant) -> Result<Started, Error> {
        let user = match event.user {
            Some(user) => Some(UserKey::from_segment(&user).ok_or("the user is not the id of a user")?),
            None => None,
        };
        // In a box, because the compiler refuses a future that is nested this deeply.
        let run = Box::pin(self.starter.start(user)).await?;
        tracing::info!(%run, "started");
        Ok(Started { run })
    }
}
