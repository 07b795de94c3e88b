use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    config::ConfigError,
    storage::{CloudError, Queue},
    users::UserKey,
};

/// The queue `repair`.
#[derive(Clone, Debug)]
pub(super) struct RepairQueue {
    queue: Queue,
}

/// A part of a run that must be brought to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub run: Uuid,
    /// The user to repair; `None` to list all users.
    pub user: Option<UserKey>,
}

/// The JSON of a [`Task`].
#[derive(Serialize, Deserialize)]
struct Message {
    run: Uuid,
    user: Option<String>,
}

impl Task {
    /// Reads a message; `None` if it is not one of this queue.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let Message { run, user } = serde_json::from_str(json).ok()?;
        let user = match user {
            Some(user) => Some(UserKey::from_segment(&user)?),
            None => None,
        };
        Some(Self { run, user })
    }

    fn message(&self) -> Message {
        Message { run: self.run, user: self.user.as_ref().map(ToString::to_string) }
    }
}

impl RepairQueue {
    /// The queue that `REPAIR_QUEUE_URL` names.
    pub(super) fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { queue: Queue::from_env(aws, "REPAIR_QUEUE_URL")? })
    }

    /// Sends each task. After an error some may be sent nevertheless, and all may be sent again.
    pub(super) async fn send(&self, tasks: &[Task]) -> Result<(), CloudError> {
        self.queue.send(&tasks.iter().map(Task::message).collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for user in [None, UserKey::from_segment("auth0~a%7Cb")] {
            let task = Task { run: Uuid::now_v7(), user };
            assert_eq!(Task::parse(&serde_json::to_string(&task.message()).unwrap()), Some(task));
        }
    }

    #[test]
    fn another_message_is_refused() {
        let run = Uuid::nil();
        for message in ["", "{}", &format!("{{\"run\": \"{run}\", \"user\": \"a/b\"}}"), "{\"run\": \"7\"}"] {
            assert_eq!(Task::parse(message), None, "{message}");
        }
    }
}
