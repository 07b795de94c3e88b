use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::UserKey;
use crate::storage::{CloudError, Objects, keys, objects::Condition};

/// The number of attempts while others write the same record. Each failed attempt means that another write succeeded.
const MAX_ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The records in the bucket: `users/{user}/record.json`.
#[derive(Clone, Debug)]
pub struct Records {
    objects: Objects,
}

/// What is stored about a user, under a key that names the user. The user name and the email address are not stored:
/// they are in the caller's verified token, and a copy would be wrong once they change. The totals of the photos are
/// stored with the photo index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The user's preferred name.
    pub display_name: Option<String>,
    /// When the record was created; RFC 3339 in UTC with milliseconds.
    pub created_at: String,
}

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Others wrote it during each attempt.
    #[error("the record was changed during each of {MAX_ATTEMPTS} attempts")]
    Busy,
    /// It is not a record that this service writes.
    #[error("the record cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Storage(#[from] CloudError),
}

impl Record {
    fn new() -> Self {
        Self { display_name: None, created_at: crate::time::rfc3339(crate::time::now()) }
    }
}

impl Records {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Reads a user's record, or creates it. If two calls find none, one of them creates it and both return it.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be read or created.
    pub async fn get(&self, user: &UserKey) -> Result<Record, RecordError> {
        for attempt in 0..MAX_ATTEMPTS {
            if let Some((record, _)) = self.read(user).await? {
                return Ok(record);
            }
            let record = Record::new();
            if self.write(user, &record, None).await? {
                return Ok(record);
            }
            tokio::time::sleep(PAUSE.saturating_mul(attempt)).await;
        }
        Err(RecordError::Busy)
    }

    /// Changes a user's record, and creates it if there is none. Concurrent changes are never lost: if the record
    /// changed since it was read, it is read again and `change` is applied to the new version.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be read or written.
    pub async fn change(
        &self,
        user: &UserKey,
        change: impl Fn(&mut Record) + Send + Sync,
    ) -> Result<Record, RecordError> {
        for attempt in 0..MAX_ATTEMPTS {
            let (mut record, etag) = match self.read(user).await? {
                Some((record, etag)) => (record, Some(etag)),
                None => (Record::new(), None),
            };
            change(&mut record);
            if self.write(user, &record, etag).await? {
                return Ok(record);
            }
            tokio::time::sleep(PAUSE.saturating_mul(attempt)).await;
        }
        Err(RecordError::Busy)
    }

    /// The record and its `ETag`.
    async fn read(&self, user: &UserKey) -> Result<Option<(Record, String)>, RecordError> {
        let Some(object) = self.objects.get(&keys::record(user)).await? else { return Ok(None) };
        let etag = object.e_tag.ok_or_else(|| CloudError::unusable("the record has no ETag"))?;
        let json =
            object.body.collect().await.map_err(|error| CloudError::caused("reading the record failed", error))?;
        Ok(Some((serde_json::from_slice(&json.into_bytes())?, etag)))
    }

    /// Replaces the version with this `ETag`, or creates the record if `etag` is `None`. Returns `false` if another
    /// version exists.
    async fn write(&self, user: &UserKey, record: &Record, etag: Option<String>) -> Result<bool, RecordError> {
        let condition = etag.map_or(Condition::New, Condition::Unchanged);
        let json = serde_json::to_vec(record)?.into();
        Ok(self.objects.put_document(&keys::record(user), json, condition).await?)
    }
}
