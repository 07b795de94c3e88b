use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};

use crate::{
    config::ConfigError,
    photos::PhotoName,
    storage::{CloudError, Queue},
    users::UserKey,
};

/// A photo that must be rendered, for another reason than an event of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub user: UserKey,
    pub name: PhotoName,
}

/// The JSON of a [`Task`].
#[derive(Serialize, Deserialize)]
struct Message {
    user: String,
    filename: String,
}

impl Task {
    /// Reads a message; `None` if it is not of this kind.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let Message { user, filename } = serde_json::from_str(json).ok()?;
        Some(Self { user: UserKey::from_segment(&user)?, name: PhotoName::parse(&filename).ok()? })
    }

    fn message(&self) -> Message {
        Message { user: self.user.to_string(), filename: self.name.to_string() }
    }
}

/// The queue `renditions`.
#[derive(Clone, Debug)]
pub struct RenderQueue {
    queue: Queue,
}

impl RenderQueue {
    /// The queue that `RENDITIONS_QUEUE_URL` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { queue: Queue::from_env(aws, "RENDITIONS_QUEUE_URL")? })
    }

    /// Sends each task. After an error some may be sent nevertheless, and all may be sent again.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn send(&self, tasks: &[Task]) -> Result<(), CloudError> {
        self.queue.send(&tasks.iter().map(Task::message).collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let name = PhotoName::parse("20261121T020304056Z_a \"b\".jpg").unwrap();
        let task = Task { user: UserKey::from_segment("auth0~a%7Cb").unwrap(), name };
        assert_eq!(Task::parse(&serde_json::to_string(&task.message()).unwrap()), Some(task));
        for wrong in ["", "{}", "{\"user\": \"a/b\", \"filename\": \"20261121T020304056Z_b.jpg\"}"] {
            assert_eq!(Task::parse(wrong), None, "{wrong}");
        }
    }
}
