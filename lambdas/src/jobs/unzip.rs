//! What the worker does with a chunk of an archive.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    job::Archive,
    report::{Line, Report},
    worker::{Step, Worker, WorkerError},
};
use crate::{
    archive::{Failed, Inflated, Large, Limits, Listed, Plan, Reason, Zip, gather, list, ranges},
    photos::{Intake, LargePhoto, PhotoName, PhotoRecord, PhotoType, StoreError},
    storage::{CloudError, keys},
};

/// How many ranges of an archive are read at once.
const READS: usize = 8;

/// The size of the parts of a large photo.
const PART_BYTES: usize = 16 << 20;

/// How many names of each photo a repeated chunk looks up: the first one, and those that follow if a name was taken.
const NAMES: i64 = 3;

/// A chunk of an archive.
pub(super) struct Work<'a> {
    pub(super) step: &'a Step<'a>,
    pub(super) archive: &'a Archive,
    pub(super) plan: &'a Plan,
}

/// Why a large entry was not stored.
enum NotStored {
    Reason(Reason),
    Error(WorkerError),
}

impl From<Reason> for NotStored {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Failed> for NotStored {
    fn from(reason: Failed) -> Self {
        Self::Reason(reason.into())
    }
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exceeded(_) => Failed::Quota.into(),
            error => Self::Error(error.into()),
        }
    }
}

impl From<CloudError> for NotStored {
    fn from(error: CloudError) -> Self {
        Self::Error(error.into())
    }
}

impl Worker {
    /// Unpacks a chunk and stores its photos, each once. If the job is stopping, it only finds out what is stored.
    pub(super) async fn unzip(&self, work: &Work<'_>) -> Result<Report, WorkerError> {
        let Work { archive, plan, .. } = *work;
        let Step { user, job, chunk, is_redo, .. } = *work.step;
        let missing = || CloudError::unusable("the plan has no such chunk");
        let at = usize::try_from(chunk).map_err(|_| missing())?;
        let planned = plan.chunks.get(at).ok_or_else(missing)?;
        let (from, to) = plan.directory(at).ok_or_else(missing)?;
        let length = archive.version.size.saturating_sub(plan.start);
        let directory =
            self.objects.read_bytes(&keys::incoming(user, archive.upload), &archive.version, from, to).await?;
        let entries = list(&directory, planned.first, planned.entries, length)
            .map_err(|error| CloudError::caused("the directory cannot be read again", error))?;

        let intake = Intake::resume(&self.photos, &self.uploads, self.quota, user, job.owner(chunk));
        let mut outcomes = BTreeMap::new();
        if is_redo {
            for (index, record) in self.stored_before(work, &entries).await? {
                intake.adopt(record.clone()).await;
                outcomes.insert(index, Ok(record));
            }
            for (index, record) in self.deleted_since(work, &entries).await? {
                outcomes.entry(index).or_insert(Ok(record));
            }
        }
        let left: Vec<Listed> = entries.iter().filter(|entry| !outcomes.contains_key(&entry.index)).cloned().collect();
        let new = match &job.stop {
            Some(stop) => Ok(left.iter().map(|entry| (entry.index, Err(stop.reason().into()))).collect()),
            None if planned.is_large => Box::pin(self.unzip_large(work, &left, &intake)).await,
            None => Box::pin(self.unzip_small(work, &left, &intake)).await,
        };
        // What is stored is recorded in any case.
        intake.finish().await;
        outcomes.extend(new?);
        let line = |entry: &Listed| {
            let outcome = outcomes.remove(&entry.index).unwrap_or(Err(Failed::Storage.into()));
            Line::new(entry.shown(), outcome)
        };
        Ok(Report(entries.iter().map(line).collect()))
    }

    async fn unzip_small(
        &self,
        work: &Work<'_>,
        entries: &[Listed],
        intake: &Intake<'_>,
    ) -> Result<Vec<(u32, Result<PhotoRecord, Reason>)>, WorkerError> {
        let Work { archive, plan, .. } = *work;
        let Step { user, deadline, .. } = *work.step;
        let archive = {
            let key = keys::incoming(user, archive.upload);
            let ranges = ranges(entries, archive.version.size.saturating_sub(plan.start));
            let mut read = Vec::new();
            for ranges in ranges.chunks(READS) {
                let bytes = ranges.iter().map(|(from, to)| {
                    self.objects.read_bytes(&key, &archive.version, plan.start + from, plan.start + to)
                });
                read.extend(ranges.iter().copied().zip(try_join_all(bytes).await?));
            }
            gather(entries, &read)
        };
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let limits = Limits { max_entries: entries.len(), max_total_bytes: u64::MAX, ..Limits::default() };
        let archive = Zip::open(archive, &limits);
        let archive = archive.map_err(|error| CloudError::caused("a chunk cannot be read", error))?;
        intake.expect(archive.declared(&limits)).await;
        let store = async |at: usize, name: String, kind: PhotoType, photo: Bytes| {
            let index = entries.get(at).map_or(0, |entry| entry.index);
            Box::pin(intake.store_once(first_name(work, index, &name, kind), step(plan), photo)).await
        };
        let processed = archive.unpack(&limits, deadline, store).await;
        let is_open = |reason: &Reason| matches!(reason, Reason::Failed(Failed::OutOfTime | Failed::Storage));
        if processed.len() != entries.len() || processed.iter().any(|one| one.outcome.as_ref().is_err_and(is_open)) {
            return Err(WorkerError::Incomplete);
        }
        Ok(entries.iter().zip(processed).map(|(entry, processed)| (entry.index, processed.outcome)).collect())
    }

    async fn unzip_large(
        &self,
        work: &Work<'_>,
        entries: &[Listed],
        intake: &Intake<'_>,
    ) -> Result<Vec<(u32, Result<PhotoRecord, Reason>)>, WorkerError> {
        let mut outcomes = Vec::new();
        for entry in entries {
            let outcome = match Box::pin(self.stream(work, entry, intake)).await {
                Ok(record) => Ok(record),
                // The next delivery has the time that this attempt lacked.
                Err(NotStored::Reason(Reason::Failed(Failed::OutOfTime))) if work.step.is_late => {
                    return Err(WorkerError::Incomplete);
                }
                Err(NotStored::Reason(reason)) => Err(reason),
                Err(NotStored::Error(error)) => return Err(error),
            };
            outcomes.push((entry.index, outcome));
        }
        Ok(outcomes)
    }

    /// Stores an entry that is too large for memory.
    async fn stream(&self, work: &Work<'_>, entry: &Listed, intake: &Intake<'_>) -> Result<PhotoRecord, NotStored> {
        let Work { archive, plan, .. } = *work;
        let Step { user, job, chunk, deadline, .. } = *work.step;
        let (key, length) = (keys::incoming(user, archive.upload), archive.version.size.saturating_sub(plan.start));
        let (from, to) = Large::header(entry).ok_or(Failed::Damaged)?;
        let first = self.objects.read_bytes(&key, &archive.version, plan.start + from, plan.start + to).await?;
        let Large { from, to } = Large::open(entry, &first, length)?;
        let mut packed = Packed {
            body: if from < to {
                Some(self.objects.read_range(&key, &archive.version, plan.start + from, plan.start + to).await?)
            } else {
                None
            },
            piece: Bytes::new(),
            inflated: Inflated::new(entry, self.max_entry_bytes),
            deadline,
        };
        let mut part = Vec::with_capacity(PART_BYTES);
        while !packed.inflated.has_head() && packed.more(&mut part).await? {}
        let kind = packed.inflated.kind()?;
        if entry.size > self.max_entry_bytes {
            // Only reading tells whether it is too large or damaged.
            while packed.more(&mut part).await? {
                part.clear();
            }
            packed.inflated.finish(entry)?;
            return Err(Failed::TooLarge.into());
        }
        let put = async {
            let name = first_name(work, entry.index, &entry.name, kind);
            let mut photo = self.photos.start_large(user, name, step(plan), job.owner(chunk)).await?;
            match send(&mut packed, &mut photo, part, entry).await {
                Ok(()) => Ok(photo.complete(entry.size).await?),
                Err(error) => {
                    if let Err(error) = photo.abort().await {
                        tracing::warn!(%error, "the parts of a photo were not deleted");
                    }
                    Err(error)
                }
            }
        };
        intake.store_with(entry.size, Box::pin(put)).await
    }

    /// The photos of a chunk that an earlier call has stored, by the index of their entries.
    async fn stored_before(
        &self,
        work: &Work<'_>,
        entries: &[Listed],
    ) -> Result<BTreeMap<u32, PhotoRecord>, WorkerError> {
        let mut stored = BTreeMap::new();
        for attempt in 0..NAMES {
            let Some(times) = times(work, entries, attempt) else { break };
            for record in self.photos.of_owner(work.step.user, work.step.job.owner(work.step.chunk), times).await? {
                if let Some(entry) = entry_at(entries, times.0, &record.name) {
                    stored.entry(entry.index).or_insert(record);
                }
            }
        }
        Ok(stored)
    }

    /// The photos of a chunk that an earlier call has stored and the user has deleted since, by the index of their
    /// entries. They must not be stored again.
    async fn deleted_since(
        &self,
        work: &Work<'_>,
        entries: &[Listed],
    ) -> Result<BTreeMap<u32, PhotoRecord>, WorkerError> {
        let mut deleted = BTreeMap::new();
        for attempt in 0..NAMES {
            let Some(times) = times(work, entries, attempt) else { break };
            for name in self.uploads.library().deleted_between(work.step.user, times).await? {
                // Other photos of the user may have had the same time.
                let had = |e: &&Listed| {
                    first_name(work, e.index, &e.name, name.kind()).later(attempt * step(work.plan)) == name
                };
                if let Some(entry) = entry_at(entries, times.0, &name).filter(had) {
                    deleted.insert(entry.index, PhotoRecord::new(name, entry.size));
                }
            }
        }
        Ok(deleted)
    }
}

/// The packed bytes of a large entry as they arrive, and what they unpack to.
struct Packed {
    body: Option<aws_sdk_s3::primitives::ByteStream>,
    /// What has arrived and is not unpacked.
    piece: Bytes,
    inflated: Inflated,
    deadline: Instant,
}

impl Packed {
    /// Appends some more unpacked bytes to `unpacked`. Returns false at the end.
    async fn more(&mut self, unpacked: &mut Vec<u8>) -> Result<bool, NotStored> {
        if Instant::now() >= self.deadline {
            return Err(Failed::OutOfTime.into());
        }
        if self.piece.is_empty()
            && let Some(body) = &mut self.body
        {
            let next = body.try_next().await;
            let next = next.map_err(|error| CloudError::caused("reading an archive failed", error))?;
            self.piece = next.unwrap_or_default();
        }
        let is_at_end = self.piece.is_empty();
        let (read, bytes) = self.inflated.unpack(&self.piece)?;
        let is_empty = bytes.is_empty();
        unpacked.extend_from_slice(bytes);
        self.piece = self.piece.split_off(read);
        Ok(!(is_at_end && is_empty))
    }
}

/// Sends the rest of a large entry, and checks it.
async fn send(packed: &mut Packed, photo: &mut LargePhoto, mut part: Vec<u8>, entry: &Listed) -> Result<(), NotStored> {
    while packed.more(&mut part).await? {
        if part.len() >= PART_BYTES {
            photo.send(std::mem::replace(&mut part, Vec::with_capacity(PART_BYTES)).into()).await?;
        }
    }
    if !part.is_empty() {
        photo.send(part.into()).await?;
    }
    Ok(packed.inflated.finish(entry)?)
}

/// The name of an entry's photo. Its time is that of the job plus one millisecond for each entry before it. So no two
/// photos of a job get the same name, and they are listed in the archive's order.
fn first_name(work: &Work<'_>, index: u32, original: &str, kind: PhotoType) -> PhotoName {
    PhotoName::new(original, kind, uploaded_at(work, index))
}

fn uploaded_at(work: &Work<'_>, index: u32) -> Timestamp {
    work.step.job.created_at + Duration::from_millis(index.into())
}

/// How much later the next name of an entry's photo is: after those of all other entries.
fn step(plan: &Plan) -> i64 {
    i64::from(plan.entries.max(1))
}

/// The times of the names that the first and the last of these entries get at an attempt, of which the first is 0.
fn times(work: &Work<'_>, entries: &[Listed], attempt: i64) -> Option<(Timestamp, Timestamp)> {
    let later = Duration::from_millis(u64::try_from(attempt * step(work.plan)).unwrap_or_default());
    let time = |entry: &Listed| uploaded_at(work, entry.index) + later;
    Some((time(entries.first()?), time(entries.last()?)))
}

/// The entry whose photo may have this name, if that of the first one has the time `first`.
fn entry_at<'a>(entries: &'a [Listed], first: Timestamp, name: &PhotoName) -> Option<&'a Listed> {
    let millis = name.uploaded_at().as_millisecond() - first.as_millisecond();
    usize::try_from(millis).ok().and_then(|at| entries.get(at))
}
