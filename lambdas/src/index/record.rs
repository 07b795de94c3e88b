use std::time::Duration;

use aws_sdk_s3::Client;
use serde::{Deserialize, Serialize};

use super::documents::{Documents, StorageError};
use crate::{aws::status, users::Folder};

/// How often a write is tried while others write the same record. Each time one of them succeeds.
const MAX_TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The records in the bucket: `users/{user}/record.json`.
#[derive(Clone, Debug)]
pub struct Records {
    documents: Documents,
}

/// What is kept of a user. The mail address is not: whoever shows or needs it has the caller's verified token, and a
/// copy would be wrong once the address is changed. Nor are the photos' totals: they are kept with the dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The user's part of each key, which is the user name for a user of the pool.
    pub user: String,
    /// What the user wants to be called.
    pub display_name: Option<String>,
    /// When the record was made; RFC 3339 in UTC with milliseconds.
    pub created_at: String,
}

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Others wrote it each time.
    #[error("the record was changed by others {MAX_TRIES} times")]
    Busy,
    /// It is not what this service writes.
    #[error("the record cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// S3 did not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Record {
    fn new(folder: &Folder) -> Self {
        Self {
            user: folder.as_str().to_owned(),
            display_name: None,
            created_at: crate::time::rfc3339(crate::time::now()),
        }
    }
}

impl Records {
    /// The records of `bucket`.
    #[must_use]
    pub const fn new(s3: Client, bucket: String) -> Self {
        Self { documents: Documents { s3, bucket } }
    }

    /// A user's record, which is made when there is none. Of two calls that both find none, one makes it, and both give
    /// that one.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub async fn get(&self, folder: &Folder) -> Result<Record, RecordError> {
        for attempt in 0..MAX_TRIES {
            if let Some((record, _)) = self.read(folder).await? {
                return Ok(record);
            }
            let record = Record::new(folder);
            if self.write(folder, &record, None).await? {
                return Ok(record);
            }
            tokio::time::sleep(PAUSE.saturating_mul(attempt)).await;
        }
        Err(RecordError::Busy)
    }

    /// Changes a user's record, or makes it changed. What others changed since it was read is never lost: it is read
    /// again then, and `change` is done to what it has become.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn change(
        &self,
        folder: &Folder,
        change: impl Fn(&mut Record) + Send + Sync,
    ) -> Result<Record, RecordError> {
        for attempt in 0..MAX_TRIES {
            let (mut record, etag) = match self.read(folder).await? {
                Some((record, etag)) => (record, Some(etag)),
                None => (Record::new(folder), None),
            };
            change(&mut record);
            if self.write(folder, &record, etag).await? {
                return Ok(record);
            }
            tokio::time::sleep(PAUSE.saturating_mul(attempt)).await;
        }
        Err(RecordError::Busy)
    }

    /// The record and its `ETag`.
    async fn read(&self, folder: &Folder) -> Result<Option<(Record, String)>, RecordError> {
        let Some(object) = self.documents.get(&key(folder)).await? else { return Ok(None) };
        let etag = object.e_tag.ok_or_else(|| StorageError::new("a record without ETag"))?;
        let json = object.body.collect().await.map_err(StorageError::new)?.into_bytes();
        Ok(Some((serde_json::from_slice(&json)?, etag)))
    }

    /// Writes a record over the one with this `ETag`, or where there is none. Whether that was so.
    async fn write(&self, folder: &Folder, record: &Record, etag: Option<String>) -> Result<bool, RecordError> {
        let put = self.documents.put(&key(folder), serde_json::to_vec(record)?.into());
        let put = match etag {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            // 412: it has changed. 409: another conditional write is under way. 404: it is gone.
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(false),
            Err(error) => Err(StorageError::sdk(error).into()),
        }
    }
}

fn key(folder: &Folder) -> String {
    format!("users/{folder}/record.json")
}
