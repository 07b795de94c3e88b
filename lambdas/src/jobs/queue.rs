use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aws,
    config::{ConfigError, required},
    storage::CloudError,
    users::UserKey,
};

/// The queue `jobs`.
#[derive(Clone, Debug)]
pub struct JobQueue {
    sqs: Client,
    url: String,
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

    fn message(&self) -> Result<String, CloudError> {
        let message = Message { user: self.user.to_string(), job: self.job, lane: self.lane };
        serde_json::to_string(&message).map_err(|error| CloudError::caused("a message is not JSON", error))
    }
}

impl JobQueue {
    /// The queue that `JOBS_QUEUE_URL` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { sqs: aws::sqs(aws), url: required("JOBS_QUEUE_URL")? })
    }

    /// Sends a message that is delivered after `delay`.
    ///
    /// # Errors
    /// Any [`CloudError`]. The message may be sent nevertheless.
    pub async fn send(&self, task: &Task, delay: Duration) -> Result<(), CloudError> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let message = self.sqs.send_message().queue_url(&self.url).message_body(task.message()?);
        message.delay_seconds(seconds).send().await?;
        Ok(())
    }

    /// Sends the messages of a job's first lanes.
    pub(super) async fn send_lanes(&self, user: &UserKey, job: Uuid, lanes: u32) -> Result<(), CloudError> {
        let send =
            |lane| async move { self.send(&Task { user: user.clone(), job, lane: Some(lane) }, Duration::ZERO).await };
        try_join_all((0..lanes).map(send)).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for lane in [None, Some(7)] {
            let task = Task { user: UserKey::from_segment("auth0~a%7Cb").unwrap(), job: Uuid::now_v7(), lane };
            assert_eq!(Task::parse(&task.message().unwrap()), Some(task));
        }
        for message in ["", "{}", "{\"user\": \"a/b\", \"job\": \"00000000-0000-0000-0000-000000000000\"}"] {
            assert_eq!(Task::parse(message), None, "{message}");
        }
    }
}
