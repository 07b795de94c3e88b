//! Once an hour, and by hand

use std::time::{Duration, SystemTime};

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    handlers::worker::{Worker, latest_start},
    users::UnconfirmedUsers,
};

const DAY: Duration = Duration::from_hours(24);

/// Days that a user has to confirm a sign-up. A code is valid for one day, and another one can be requested.
const DAYS: u32 = 7;

/// What a deletion that has started may take.
const MARGIN: Duration = Duration::from_secs(15);

/// Deletes users who never confirmed their sign-up.
pub struct UsersUnconfirmed {
    pub users: UnconfirmedUsers,
}

/// The event. That of the schedule names no days.
#[derive(Deserialize)]
pub struct Start {
    days: Option<u32>,
}

#[derive(Serialize)]
pub struct Done {
    deleted: u64,
    incomplete: bool,
}

impl Worker for UsersUnconfirmed {
    type Event = Start;
    type Response = Done;

    async fn handle(&self, event: Start, deadline: Instant) -> Result<Done, Error> {
        let age = DAY * event.days.unwrap_or(DAYS);
        let removed = self.users.remove(age, SystemTime::now().into(), latest_start(deadline, MARGIN)).await?;
        tracing::info!(deleted = removed.users, incomplete = removed.incomplete, "deleted unconfirmed users");
        Ok(Done { deleted: removed.users, incomplete: removed.incomplete })
    }
}
