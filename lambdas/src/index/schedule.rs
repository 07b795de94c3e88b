use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};

use super::protocol::{Millis, State, delay, trusted_until};
use crate::{
    config::ConfigError,
    photos::{Library, USAGE, Usage},
    storage::{
        CloudError, ErrorKind, Queue,
        table::{item_key, millis, send},
    },
    telemetry::Chain,
    users::UserKey,
};

/// Sends messages to the function that writes the photo indexes. See [`super::protocol`].
#[derive(Clone, Debug)]
pub struct IndexSchedule {
    library: Library,
    queue: Queue,
}

/// A message in the queue `index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whose index is outdated.
    pub user: String,
    /// When the index may be written again; milliseconds since 1970.
    pub due: Millis,
}

impl IndexSchedule {
    /// Uses the table and the queue in the environment.
    ///
    /// # Errors
    /// If `LIBRARY_TABLE` or `INDEX_QUEUE_URL` is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { library: Library::from_env(aws)?, queue: Queue::from_env(aws, "INDEX_QUEUE_URL")? })
    }

    /// Makes sure that a user's index is written again if it is outdated. Costs the same for every library.
    ///
    /// # Errors
    /// Any [`CloudError`]; it must be repeated then.
    pub async fn poke(&self, user: &UserKey) -> Result<(), CloudError> {
        self.poke_at(user, &self.library.usage(user).await?).await
    }

    /// As [`IndexSchedule::poke`], for a caller that has read the usage.
    ///
    /// # Errors
    /// Any [`CloudError`]; it must be repeated then.
    pub async fn poke_at(&self, user: &UserKey, usage: &Usage) -> Result<(), CloudError> {
        let now = now_millis();
        let Some(due) = state(usage).poke(now) else { return Ok(()) };
        let message = Message { user: user.as_str().to_owned(), due };
        self.queue.send_after(&[message], delay(due, now)).await?;
        let table = self.library.table();
        let update = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(item_key(user, USAGE)))
            .update_expression("SET indexScheduled = :until")
            .condition_expression("attribute_not_exists(indexAfter) OR indexAfter <= :due")
            .expression_attribute_values(":until", millis(trusted_until(due)))
            .expression_attribute_values(":due", millis(due));
        match send(update).await.map_err(CloudError::from) {
            // A writer has claimed a slot, perhaps for this message.
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// As [`IndexSchedule::poke`], for a request that has changed the photos. A failure is only logged: the change is
    /// made, and the next one has the index written.
    pub async fn poke_or_log(&self, user: &UserKey) {
        if let Err(error) = self.poke(user).await {
            tracing::warn!(error = %Chain(&error), "the photo index stays outdated");
        }
    }
}

pub(super) fn state(usage: &Usage) -> State {
    State { changes: usage.changes, indexed: usage.indexed, after: usage.index_after, scheduled: usage.index_scheduled }
}

pub(super) fn now_millis() -> Millis {
    crate::time::now().as_millisecond()
}
