//! Starts an export.

use std::collections::BTreeSet;

use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aws,
    config::ConfigError,
    jobs::{
        JobQueue, JobStore, JobView,
        job::{Job, Subject},
        start::start,
    },
    photos::{Library, PhotoName, Selection, TakenAt},
    storage::{CloudError, Objects, keys},
    time::now,
    users::UserKey,
};

/// What a user wants to export: some photos, or those that a selection finds. Photos in the trash are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportRequest {
    /// File names. The members of the selection are `None` then.
    pub photos: Option<Vec<String>>,
    /// Inclusive.
    pub from: Option<TakenAt>,
    /// Exclusive.
    pub to: Option<TakenAt>,
    pub favourite: Option<bool>,
    /// Whether the photos themselves are exported, or else their previews.
    pub originals: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There are no such photos.
    #[error("some photos do not exist")]
    Missing(Vec<String>),
    #[error("there is nothing to export")]
    Nothing,
    #[error("too many running jobs")]
    TooManyJobs,
    #[error("the storage of jobs failed")]
    Storage(#[from] CloudError),
}

/// Starts exports.
#[derive(Clone, Debug)]
pub struct Exports {
    store: JobStore,
    library: Library,
    objects: Objects,
    queue: JobQueue,
}

impl ExportRequest {
    /// What selects the photos, oldest first, if none are named.
    pub(super) fn selection(&self) -> Selection {
        let Self { from, to, favourite, .. } = self.clone();
        Selection { from, to, favourite, kind: None, in_trash: false, oldest_first: true }
    }
}

impl Exports {
    /// Uses the table, the bucket and the queue in the environment.
    ///
    /// # Errors
    /// If one of them is missing.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            store: JobStore::from_env(aws)?,
            library: Library::from_env(aws)?,
            objects: aws::objects(aws)?,
            queue: JobQueue::from_env(aws)?,
        })
    }

    /// Starts a job that exports photos.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn create(&self, user: &UserKey, request: ExportRequest) -> Result<JobView, ExportError> {
        let photos = match &request.photos {
            Some(photos) => Some(self.outside_the_trash(user, photos).await?),
            None => None,
        };
        let is_empty = match &photos {
            Some(photos) => photos.is_empty(),
            None => self.library.select(user, &request.selection(), 1, None).await?.0.is_empty(),
        };
        if is_empty {
            return Err(ExportError::Nothing);
        }
        let job = Job::new(Uuid::now_v7(), Subject::Photos { files: Vec::new() }, now());
        // If this call dies before it stores the job, the bucket's lifecycle rules delete this.
        let request = ExportRequest { photos, ..request };
        self.objects.put_document(&keys::request(user, job.id), &request).await?;
        let store = Box::pin(self.store.start(user, &job));
        if start(&self.queue, user, job.id, store, |is_new| *is_new).await? {
            Ok(job.view())
        } else {
            Err(ExportError::TooManyJobs)
        }
    }

    /// The photos that are not in the trash, without repetitions.
    async fn outside_the_trash(&self, user: &UserKey, photos: &[String]) -> Result<Vec<String>, ExportError> {
        let names: BTreeSet<PhotoName> = photos.iter().filter_map(|name| PhotoName::parse(name).ok()).collect();
        let records = self.library.records(user, &names).await?;
        let known: BTreeSet<&str> = records.keys().map(PhotoName::as_str).collect();
        let missing: Vec<_> = photos.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
        if !missing.is_empty() {
            return Err(ExportError::Missing(missing));
        }
        let visible = records.values().filter(|record| record.trashed_at.is_none());
        Ok(visible.map(|record| record.name.to_string()).collect())
    }
}
