use std::time::Duration;

use aws_types::SdkConfig;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::{
    JobQueue, JobStore, Task,
    export::ExportPlan,
    job::{Archive, Job, JobState, Size, Stop, Subject},
    remote::read_archive,
    report::Report,
    store::LEASE,
    unzip::Work,
};
use crate::{
    archive::{ArchiveError, Plan, plan},
    aws,
    config::{ConfigError, optional},
    photos::{PhotoStore, Quota, StoreError},
    storage::{CloudError, ErrorKind, Objects, keys},
    telemetry::Chain,
    uploads::UploadStore,
    users::UserKey,
};

/// The maximum number of entries of an archive.
const MAX_ENTRIES: usize = 1_000_000;

/// The default of `JOB_MAX_ENTRY_BYTES`: 2 GiB.
const MAX_ENTRY_BYTES: u64 = 2 << 30;

/// The default of `EXPORT_MAX_BYTES`: 50 GiB.
const MAX_EXPORT_BYTES: u64 = 50 << 30;

/// How many times one delivery of a message tries to do its chunk, and the pause between two attempts.
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
    /// The most bytes of photos in an archive that an export makes.
    pub(super) max_export_bytes: u64,
}

/// How a job is divided.
pub(super) enum Planned {
    Unzip(Archive, Plan),
    Export(ExportPlan),
}

/// A chunk that is worked on.
pub(super) struct Step<'a> {
    pub(super) user: &'a UserKey,
    pub(super) job: &'a Job,
    pub(super) planned: &'a Planned,
    pub(super) chunk: u32,
    /// Whether an earlier call may have done a part of it.
    pub(super) is_redo: bool,
    /// Whether an attempt before this one has taken some of the time.
    pub(super) is_late: bool,
    pub(super) deadline: Instant,
}

impl Planned {
    fn size(&self) -> Size {
        let chunks = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        match self {
            Self::Unzip(_, plan) => Size::new(plan.entries.into(), plan.bytes, chunks(plan.chunks.len())),
            Self::Export(plan) => Size::new(plan.photos, plan.bytes, chunks(plan.chunks.len())),
        }
    }

    /// The bytes of a chunk.
    fn bytes(&self, chunk: u32) -> u64 {
        let Ok(at) = usize::try_from(chunk) else { return 0 };
        let bytes = match self {
            Self::Unzip(_, plan) => plan.chunks.get(at).map(|chunk| chunk.bytes),
            Self::Export(plan) => plan.chunks.get(at).map(|chunk| chunk.bytes),
        };
        bytes.unwrap_or_default()
    }
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
            max_export_bytes: optional("EXPORT_MAX_BYTES", MAX_EXPORT_BYTES)?,
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
            (Some(size), _) if size.is_complete() => self.end(user, &job).await,
            (Some(size), None) if !job.is_started => self.start(user, &job, size).await,
            (Some(_), None) => Ok(()),
            (Some(size), Some(lane)) => Box::pin(self.advance(user, &job, size, *lane, deadline)).await,
        };
        match done {
            Err(error) if is_lost(&job, &error) => {
                tracing::warn!(%error, "the archive is gone or has changed");
                self.fail(user, &job, "damaged-archive").await
            }
            Ok(()) if is_last_delivery => Err(WorkerError::LastDelivery),
            done => done,
        }
    }

    /// Divides the work, and sends the messages of the lanes.
    async fn plan(&self, user: &UserKey, job: &Job) -> Result<(), WorkerError> {
        let planned = match &job.subject {
            Subject::Archive(archive) => match self.plan_unzip(user, job.id, archive).await? {
                Ok(plan) => Planned::Unzip(archive.clone(), plan),
                Err(error) => return self.fail(user, job, problem(error)).await,
            },
            Subject::Photos { .. } => Planned::Export(Box::pin(self.plan_export(user, job.id)).await?),
        };
        let size = planned.size();
        self.store.plan(user, job.id, &size).await?;
        if size.is_complete() {
            return self.end(user, job).await;
        }
        self.start(user, job, &size).await
    }

    /// Reads the archive's directory.
    async fn plan_unzip(
        &self,
        user: &UserKey,
        job: Uuid,
        archive: &Archive,
    ) -> Result<Result<Plan, ArchiveError>, WorkerError> {
        let read = |view: crate::archive::View<_>| plan(&view.find(MAX_ENTRIES)?, MAX_ENTRIES);
        let key = keys::incoming(user, archive.upload);
        let planned = read_archive(&self.objects, key, archive.version.clone(), read).await?;
        if let Ok(plan) = &planned {
            // If there is a plan already, it is the same.
            self.objects.put_document(&keys::plan(user, job), plan).await?;
        }
        Ok(planned)
    }

    async fn start(&self, user: &UserKey, job: &Job, size: &Size) -> Result<(), WorkerError> {
        let lanes = u32::try_from(size.lanes.len()).unwrap_or_default();
        self.queue.send_lanes(user, job.id, lanes).await?;
        Ok(self.store.started(user, job.id).await?)
    }

    /// Does the next chunk of a lane, and sends the message for the one after it.
    async fn advance(
        &self,
        user: &UserKey,
        job: &Job,
        size: &Size,
        lane: u32,
        deadline: Instant,
    ) -> Result<(), WorkerError> {
        let Some(chunk) = size.next(lane) else { return Ok(()) };
        let done = usize::try_from(lane).ok().and_then(|lane| size.lanes.get(lane)).copied().unwrap_or_default();
        let message = Task { user: user.clone(), job: job.id, lane: Some(lane) };
        let Some(is_redo) = self.store.begin(user, job.id, lane, done).await? else {
            // Usually another call works on the lane. SQS may have delivered this message to both, and deletes it when
            // this call succeeds. If the other call dies, the new message continues the lane.
            return Ok(self.queue.send(&message, LEASE).await?);
        };
        let key = keys::plan(user, job.id);
        let planned = match &job.subject {
            Subject::Archive(archive) => {
                Planned::Unzip(archive.clone(), self.objects.read_needed_document(&key).await?)
            }
            Subject::Photos { .. } => Planned::Export(self.objects.read_needed_document(&key).await?),
        };
        let step = Step { user, job, planned: &planned, chunk, is_redo, is_late: false, deadline };
        let report = self.try_report(step).await?;
        let counts = report.counts(planned.bytes(chunk));
        let job = match self.store.complete(user, job.id, (lane, done), counts).await? {
            Some(job) => job,
            // If another delivery has counted the chunk, it continues the lane, and finds its lease. If this one has,
            // nobody else does.
            None => match self.store.get(user, job.id).await? {
                Some(job) if job.state == JobState::Running => job,
                _ => return Ok(()),
            },
        };
        match &job.size {
            Some(size) if size.is_complete() => self.end(user, &job).await,
            Some(size) if size.next(lane).is_some() => Ok(self.queue.send(&message, Duration::ZERO).await?),
            _ => Ok(()),
        }
    }

    /// As [`Worker::report`], with retries: a transient failure of the storage should not wait for the next delivery of
    /// the message.
    async fn try_report(&self, mut step: Step<'_>) -> Result<Report, WorkerError> {
        for _ in 1..MAX_ATTEMPTS {
            match self.report(&step).await {
                Err(error) if !is_lost(step.job, &error) && Instant::now() + PAUSE < step.deadline => {
                    tracing::warn!(error = %Chain(&error), "a chunk is done again");
                    sleep(PAUSE).await;
                    (step.is_redo, step.is_late) = (true, true);
                }
                result => return result,
            }
        }
        self.report(&step).await
    }

    /// Does a chunk and stores its report. If there is a report already, that one counts.
    async fn report(&self, step: &Step<'_>) -> Result<Report, WorkerError> {
        let Step { user, job, planned, chunk, is_redo, deadline, .. } = *step;
        let key = keys::report(user, job.id, chunk);
        if is_redo && let Some(report) = self.objects.read_document(&key).await? {
            return Ok(report);
        }
        let report = match planned {
            Planned::Unzip(archive, plan) => Box::pin(self.unzip(&Work { step, archive, plan })).await?,
            Planned::Export(plan) => {
                let packed = timeout_at(deadline, Box::pin(self.pack(step, plan))).await;
                packed.unwrap_or(Err(WorkerError::Incomplete))?
            }
        };
        if self.objects.put_document(&key, &report).await? {
            return Ok(report);
        }
        Ok(self.objects.read_needed_document(&key).await?)
    }

    async fn fail(&self, user: &UserKey, job: &Job, problem: &str) -> Result<(), WorkerError> {
        match self.store.stop(user, job.id, &Stop::Failed(problem.to_owned())).await? {
            Some(job) => self.end(user, &job).await,
            None => Ok(()),
        }
    }

    /// Deletes the archive that was uploaded, or completes those of an export, and then ends the job. A job that is
    /// told to stop meanwhile ends as stopped.
    async fn end(&self, user: &UserKey, job: &Job) -> Result<(), WorkerError> {
        let mut job = job.clone();
        for _ in 0..MAX_ATTEMPTS {
            let files = match &job.subject {
                Subject::Archive(archive) => {
                    let key = keys::incoming(user, archive.upload);
                    if let Some(version) = self.objects.version(&key).await? {
                        self.objects.delete_version(&key, &version).await?;
                    }
                    Vec::new()
                }
                Subject::Photos { .. } => Box::pin(self.end_export(user, &job)).await?,
            };
            if self.store.end(user, &job, &files).await? {
                return Ok(());
            }
            match self.store.get(user, job.id).await? {
                Some(now) if now.state == JobState::Running => job = now,
                _ => return Ok(()),
            }
        }
        Err(CloudError::unusable("a running job cannot end").into())
    }
}

/// Whether a job cannot go on because its archive is gone or has changed.
fn is_lost(job: &Job, error: &WorkerError) -> bool {
    match (&job.subject, error) {
        (Subject::Archive(_), WorkerError::Storage(error)) => {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Precondition)
        }
        (Subject::Photos { .. }, _)
        | (_, WorkerError::Photos(_) | WorkerError::Incomplete | WorkerError::LastDelivery) => false,
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
