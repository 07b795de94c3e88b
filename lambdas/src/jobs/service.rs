use std::time::Duration;

use aws_types::SdkConfig;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    FileView, JobQueue, JobStore, JobView, Task,
    export::MEDIA_TYPE,
    job::{Job, JobState, Stop, Subject},
    report::{EntryView, Outcome, Report},
};
use crate::{
    aws,
    config::ConfigError,
    storage::{
        CloudError, Objects, keys,
        presign::{PresignError, Presigner},
    },
    time::now,
    users::UserKey,
};

/// How many reports one page of entries reads at most, and how many at once.
const REPORTS: usize = 48;
const READS: usize = 8;

/// How long the archives of an export are shown after its start. The bucket's lifecycle rules delete them later than
/// that: they count from the start of the multipart upload, which is after that of the job, and round up.
const KEPT: Duration = Duration::from_hours(3 * 24);

/// A user's jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    store: JobStore,
    objects: Objects,
    presigner: Presigner,
}

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("no such job")]
    NotFound,
    #[error("the job is over")]
    Ended,
    /// The cursor is not one of this job.
    #[error("no such cursor")]
    WrongCursor,
    #[error("the storage of jobs failed")]
    Storage(#[from] CloudError),
    #[error("no URL for a file")]
    Presign(#[from] PresignError),
}

/// A page of entries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobEntryPage")]
pub struct EntryPage {
    pub entries: Vec<EntryView>,
    /// Send this to get the next page; null on the last page. A page may have fewer entries than `limit`, or none, and
    /// still have a cursor.
    pub cursor: Option<String>,
}

impl Jobs {
    /// Uses the table and the bucket in the environment.
    ///
    /// # Errors
    /// If one of them, or the credentials for URLs, are missing.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { store: JobStore::from_env(aws)?, objects: aws::objects(aws)?, presigner: aws::presigner()? })
    }

    /// At most `limit` jobs, newest first, starting after the job `after`. The flag tells whether there may be more.
    ///
    /// # Errors
    /// Failures of the storage.
    pub async fn list(
        &self,
        user: &UserKey,
        limit: usize,
        after: Option<Uuid>,
    ) -> Result<(Vec<JobView>, bool), JobError> {
        let (jobs, has_more) = self.store.list(user, limit, after).await?;
        let jobs: Result<_, _> = jobs.iter().map(|job| self.view(user, job)).collect();
        Ok((jobs?, has_more))
    }

    /// # Errors
    /// [`JobError::NotFound`], and failures of the storage.
    pub async fn get(&self, user: &UserKey, id: Uuid) -> Result<JobView, JobError> {
        self.view(user, &self.find(user, id).await?)
    }

    /// A job with the URLs of the archives that it has made.
    fn view(&self, user: &UserKey, job: &Job) -> Result<JobView, JobError> {
        let Subject::Photos { files } = &job.subject else { return Ok(job.view()) };
        if job.state != JobState::Done || job.created_at + KEPT < now() {
            return Ok(job.view());
        }
        let day = job.created_at.strftime("%Y-%m-%d");
        let file = |(number, size): (usize, &u64)| {
            let number_in_name = if files.len() > 1 { format!("-{number}") } else { String::new() };
            let filename = format!("photos-{day}{number_in_name}.zip");
            let disposition = format!("attachment; filename=\"{filename}\"");
            let key = keys::export(user, job.id, number);
            let url = self.presigner.presign(&key, MEDIA_TYPE, Some(&disposition))?;
            Ok(FileView { filename, size: *size, url })
        };
        let files: Result<_, PresignError> = (1..).zip(files).map(file).collect();
        Ok(JobView { files: Some(files?), ..job.view() })
    }

    /// The outcomes of at most `limit` entries in the archive's order. While the job runs, those of the chunks that are
    /// done.
    ///
    /// # Errors
    /// [`JobError::NotFound`], [`JobError::WrongCursor`], and failures of the storage.
    pub async fn entries(
        &self,
        user: &UserKey,
        id: Uuid,
        outcome: Option<Outcome>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<EntryPage, JobError> {
        let job = self.find(user, id).await?;
        let (first, mut skipped) = match cursor {
            Some(cursor) => parse_cursor(cursor).ok_or(JobError::WrongCursor)?,
            None => (0, 0),
        };
        let mut page = EntryPage { entries: Vec::new(), cursor: None };
        let Some(size) = &job.size else { return Ok(page) };
        let mut chunks: Vec<u32> = (first..size.chunks).filter(|chunk| size.is_done(*chunk)).collect();
        if chunks.first() != Some(&first) {
            skipped = 0;
        }
        if chunks.len() > REPORTS {
            page.cursor = chunks.get(REPORTS).map(|chunk| cursor_at(*chunk, 0));
            chunks.truncate(REPORTS);
        }
        for chunks in chunks.chunks(READS) {
            let keys: Vec<_> = chunks.iter().map(|chunk| keys::report(user, id, *chunk)).collect();
            let reports = keys.iter().map(|key| self.objects.read_document::<Report>(key));
            let reports = try_join_all(reports).await?;
            for (chunk, report) in chunks.iter().zip(reports) {
                let lines = report.unwrap_or_default().0.into_iter().enumerate().skip(std::mem::take(&mut skipped));
                for (at, line) in lines.filter(|(_, line)| outcome.is_none_or(|outcome| line.outcome() == outcome)) {
                    if page.entries.len() == limit {
                        page.cursor = Some(cursor_at(*chunk, at));
                        return Ok(page);
                    }
                    page.entries.push(line.into_view());
                }
            }
        }
        Ok(page)
    }

    /// Cancels a running job. Chunks that are in progress are finished; the other entries are reported as cancelled.
    ///
    /// # Errors
    /// [`JobError::NotFound`], [`JobError::Ended`], and failures of the storage.
    pub async fn cancel(&self, user: &UserKey, id: Uuid, queue: &JobQueue) -> Result<JobView, JobError> {
        let job = self.find(user, id).await?;
        if job.state != JobState::Running {
            return Err(JobError::Ended);
        }
        let job = self.store.stop(user, id, &Stop::Cancelled).await?.ok_or(JobError::Ended)?;
        // If a message became a dead letter, this one goes on where it stopped.
        match &job.size {
            Some(size) if !size.is_complete() => {
                queue.send_lanes(user, id, u32::try_from(size.lanes.len()).unwrap_or_default()).await?;
            }
            _ => queue.send(&Task { user: user.clone(), job: id, lane: None }, Duration::ZERO).await?,
        }
        Ok(job.view())
    }

    async fn find(&self, user: &UserKey, id: Uuid) -> Result<Job, JobError> {
        self.store.get(user, id).await?.ok_or(JobError::NotFound)
    }
}

/// A cursor names a chunk and the next entry in it. It contains neither user nor job, so a forged one only reaches
/// another entry of the same job.
fn cursor_at(chunk: u32, entry: usize) -> String {
    format!("{chunk}.{entry}")
}

fn parse_cursor(cursor: &str) -> Option<(u32, usize)> {
    let (chunk, entry) = cursor.split_once('.')?;
    Some((chunk.parse().ok()?, entry.parse().ok()?))
}
