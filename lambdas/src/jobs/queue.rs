use std::time::Duration;

use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    config::ConfigError,
    storage::{CloudError, Queue},
    users::UserKey,
};

/// The queue `jobs`.
#[derive(Clone, Debug)]
pub struct JobQueue {
    queue: Queue,
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub user: UserKey,
    pub job: Uuid,
    /// The lane that goes on; `None` to plan the job.
    pub lane: Option<u32>,
}

/// The JSON of a [`Task`].
#[derive(Serialize, Deserialize)]
struct Message {
    user: String,
    job: Uuid,
    lane: Option<u32>,
}

impl Task {
    /// Reads a message; `None` if it is not one of this queue.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let Message { user, job, lane } = serde_json::from_str(json).ok()?;
        Some(Self { user: UserKey::from_segment(&user)?, job, lane })
    }

    fn message(&self) -> Message {
        Message { user: self.user.to_string(), job: self.job, lane: self.lane }
    }
}

impl JobQueue {
    /// The queue that `JOBS_QUEUE_URL` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { queue: Queue::from_env(aws, "JOBS_QUEUE_URL")? })
    }

    /// Sends a message that is delivered after `delay`.
    ///
    /// # Errors
    /// Any [`CloudError`]. The message may be sent nevertheless.
    pub async fn send(&self, task: &Task, delay: Duration) -> Result<(), CloudError> {
        self.queue.send_after(&[task.message()], delay).await
    }

    /// Sends the messages of a job's first lanes.
    pub(super) async fn send_lanes(&self, user: &UserKey, job: Uuid, lanes: u32) -> Result<(), CloudError> {
        let message = |lane| Task { user: user.clone(), job, lane: Some(lane) }.message();
        self.queue.send(&(0..lanes).map(message).collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for lane in [None, Some(7)] {
            let task = Task { user: UserKey::from_segment("auth0~a%7Cb").unwrap(), job: Uuid::now_v7(), lane };
            assert_eq!(Task::parse(&serde_json::to_string(&task.message()).unwrap()), Some(task));
        }
        for message in ["", "{}", "{\"user\": \"a/b\", \"job\": \"00000000-0000-0000-0000-000000000000\"}"] {
            assert_eq!(Task::parse(message), None, "{message}");
        }
    }
}
