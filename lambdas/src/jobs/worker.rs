use std::time::Duration;

use aws_types::SdkConfig;
use tokio::time::{Instant, sleep};

use super::{
    JobQueue, JobStore, Task,
    job::{Job, JobState, Size, Stop},
    remote::read_archive,
    report::Report,
    unzip::{Work, is_lost},
};
use crate::{
    archive::{ArchiveError, Plan, plan},
    aws,
    config::{ConfigError, optional},
    photos::{PhotoStore, Quota, StoreError},
    storage::{CloudError, Objects, keys},
    telemetry::Chain,
    uploads::UploadStore,
    users::UserKey,
};

/// The maximum number of entries of an archive.
const MAX_ENTRIES: usize = 1_000_000;

/// The default of `JOB_MAX_ENTRY_BYTES`: 2 GiB.
const MAX_ENTRY_BYTES: u64 = 2 << 30;

/// How often one delivery of a message tries to do its chunk, and the time between two attempts.
const MAX_ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Works on jobs.
#[derive(Clone, Debug)]
pub struct Worker {
    store: JobStore,
    queue: JobQueue,
    pub(super) objects: Objects,
    pub(super) photos: PhotoStore,
    pub(super) uploads: UploadStore,
    pub(super) quota: Quota,
    /// The most unpacked bytes of an entry.
    pub(super) max_entry_bytes: u64,
}

/// A message must be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the storage of jobs failed")]
    Storage(#[from] CloudError),
    #[error("a photo was not stored")]
    Photos(#[from] StoreError),
    /// Some entries of a chunk were not stored in time, or their storage failed.
    #[error("a chunk is not complete")]
    Incomplete,
    /// The message was delivered for the last time. It has stopped the job, and becomes a dead letter.
    #[error("the message was delivered too often; its job fails")]
    LastDelivery,
}

impl Worker {
    /// Uses the table, the bucket, the queue and the limits in the environment.
    ///
    /// # Errors
    /// If one of them is missing or invalid.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let objects = aws::objects(aws)?;
        Ok(Self {
            store: JobStore::from_env(aws)?,
            queue: JobQueue::from_env(aws)?,
            photos: PhotoStore::new(objects.clone()),
            objects,
            uploads: UploadStore::from_env(aws)?,
            quota: Quota::from_env()?,
            max_entry_bytes: optional("JOB_MAX_ENTRY_BYTES", MAX_ENTRY_BYTES)?,
        })
    }

    /// Does what a message asks for. At its last delivery, the work that failed before is not tried again: the job
    /// fails, and this returns [`WorkerError::LastDelivery`].
    ///
    /// # Errors
    /// [`WorkerError`]. It can be repeated.
    pub async fn go_on(&self, task: &Task, is_last_delivery: bool, deadline: Instant) -> Result<(), WorkerError> {
        let Task { user, job: id, lane } = task;
        let Some(mut job) = self.store.get(user, *id).await? else { return Ok(()) };
        if job.state != JobState::Running {
            return Ok(());
        }
        if is_last_delivery {
            let Some(stopped) = self.store.stop(user, *id, &Stop::Failed("internal".to_owned())).await? else {
                return Ok(());
            };
            job = stopped;
        }
        let done = match (&job.size, lane) {
            (None, _) if is_last_delivery => self.end(user, &job).await,
            (None, _) => self.plan(user, &job).await,
            (Some(size), None) if !job.is_started => self.start(user, &job, size).await,
            (Some(_), None) => Ok(()),
            (Some(size), Some(lane)) => Box::pin(self.advance(user, &job, size, *lane, deadline)).await,
        };
        match done {
            Err(error) if is_lost(&error) => {
                tracing::warn!(%error, "the archive is gone or has changed");
                self.fail(user, &job, "damaged-archive").await
            }
            Ok(()) if is_last_delivery => Err(WorkerError::LastDelivery),
            done => done,
        }
    }

    /// Reads the archive's directory, divides the work, and sends the messages of the lanes.
    async fn plan(&self, user: &UserKey, job: &Job) -> Result<(), WorkerError> {
        let read = |view: crate::archive::View<_>| plan(&view.find(MAX_ENTRIES)?, MAX_ENTRIES);
        let planned = read_archive(&self.objects, keys::incoming(user, job.upload), job.archive.clone(), read).await?;
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => return self.fail(user, job, problem(error)).await,
        };
        // A plan that is there says the same.
        self.objects.put_document(&keys::plan(user, job.id), &plan).await?;
        let chunks = u32::try_from(plan.chunks.len()).unwrap_or(u32::MAX);
        let size = Size::new(plan.entries.into(), plan.bytes, chunks);
        self.store.plan(user, job.id, &size).await?;
        if chunks == 0 {
            return self.end(user, job).await;
        }
        self.start(user, job, &size).await
    }

    async fn start(&self, user: &UserKey, job: &Job, size: &Size) -> Result<(), WorkerError> {
        let lanes = u32::try_from(size.lanes.len()).unwrap_or_default();
        self.queue.send_lanes(user, job.id, lanes).await?;
        Ok(self.store.started(user, job.id).await?)
    }

    /// Does the next chunk of a lane, and hands the lane on.
    async fn advance(
        &self,
        user: &UserKey,
        job: &Job,
        size: &Size,
        lane: u32,
        deadline: Instant,
    ) -> Result<(), WorkerError> {
        let Some(chunk) = size.next(lane) else {
            return if size.is_complete() { self.end(user, job).await } else { Ok(()) };
        };
        let done = usize::try_from(lane).ok().and_then(|lane| size.lanes.get(lane)).copied().unwrap_or_default();
        let Some(is_redo) = self.store.begin(user, job.id, lane, done).await? else { return Ok(()) };
        let missing = || CloudError::unusable("the job has no plan");
        let plan: Plan = self.objects.read_document(&keys::plan(user, job.id)).await?.ok_or_else(missing)?;
        let report = self.try_report(Work { user, job, plan: &plan, chunk, is_redo, deadline }).await?;
        let bytes = usize::try_from(chunk).ok().and_then(|chunk| plan.chunks.get(chunk)).map_or(0, |chunk| chunk.bytes);
        let Some(job) = self.store.complete(user, job.id, (lane, done), report.counts(bytes)).await? else {
            // Another delivery of the message has done the chunk, and goes on with the lane.
            return Ok(());
        };
        match &job.size {
            Some(size) if size.is_complete() => self.end(user, &job).await,
            Some(size) if size.next(lane).is_some() => {
                let task = Task { user: user.clone(), job: job.id, lane: Some(lane) };
                Ok(self.queue.send(&task, Duration::ZERO).await?)
            }
            _ => Ok(()),
        }
    }

    /// As [`Worker::report`]. A passing failure of the storage need not wait until the message is delivered again.
    async fn try_report(&self, mut work: Work<'_>) -> Result<Report, WorkerError> {
        for _ in 1..MAX_ATTEMPTS {
            match self.report(&work).await {
                Err(error) if !is_lost(&error) && Instant::now() + PAUSE < work.deadline => {
                    tracing::warn!(error = %Chain(&error), "a chunk is done again");
                    sleep(PAUSE).await;
                    work.is_redo = true;
                }
                result => return result,
            }
        }
        self.report(&work).await
    }

    /// Does a chunk and stores its report. If there is a report already, that one counts.
    async fn report(&self, work: &Work<'_>) -> Result<Report, WorkerError> {
        let key = keys::report(work.user, work.job.id, work.chunk);
        if work.is_redo
            && let Some(report) = self.objects.read_document(&key).await?
        {
            return Ok(report);
        }
        let report = Box::pin(self.unzip(work)).await?;
        if self.objects.put_document(&key, &report).await? {
            return Ok(report);
        }
        let missing = || CloudError::unusable("the report is there and is not");
        Ok(self.objects.read_document(&key).await?.ok_or_else(missing)?)
    }

    async fn fail(&self, user: &UserKey, job: &Job, problem: &str) -> Result<(), WorkerError> {
        match self.store.stop(user, job.id, &Stop::Failed(problem.to_owned())).await? {
            Some(job) => self.end(user, &job).await,
            None => Ok(()),
        }
    }

    /// Deletes the archive, and then ends the job.
    async fn end(&self, user: &UserKey, job: &Job) -> Result<(), WorkerError> {
        let archive = keys::incoming(user, job.upload);
        if let Some(version) = self.objects.version(&archive).await? {
            self.objects.delete_version(&archive, &version).await?;
        }
        Ok(self.store.end(user, job).await?)
    }
}

/// The name of the problem for which an archive is refused.
const fn problem(error: ArchiveError) -> &'static str {
    match error {
        ArchiveError::NotAnArchive => "not-an-archive",
        ArchiveError::Damaged | ArchiveError::Overlapping => "damaged-archive",
        ArchiveError::TooManyEntries { .. } => "too-many-entries",
    }
}
