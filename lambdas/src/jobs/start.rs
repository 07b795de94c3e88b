use std::time::Duration;

use uuid::Uuid;

use super::{JobQueue, Task};
use crate::{storage::CloudError, telemetry::Chain, users::UserKey};

/// The delay of the message that is sent before a job is stored. The call that stores the job has ended by then.
const START_WITHIN: Duration = Duration::from_secs(90);

/// Stores a job and starts it, unless `store` returns something that is not new.
///
/// # Errors
/// Those of `store`, and of sending the first message. Nothing is stored in the latter case.
pub async fn start<T, E: From<CloudError>>(
    queue: &JobQueue,
    user: &UserKey,
    job: Uuid,
    store: impl Future<Output = Result<T, E>>,
    is_new: impl Fn(&T) -> bool,
) -> Result<T, E> {
    let task = Task { user: user.clone(), job, lane: None };
    // If this call dies after it has stored the job, this message starts it. Without a job, it does nothing.
    queue.send(&task, START_WITHIN).await?;
    let stored = store.await?;
    if is_new(&stored)
        && let Err(error) = queue.send(&task, Duration::ZERO).await
    {
        tracing::warn!(error = %Chain(&error), "a job starts later");
    }
    Ok(stored)
}
