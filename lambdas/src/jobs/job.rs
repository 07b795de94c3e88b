use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::report::LeftOut;
use crate::{archive::Failed, storage::objects::ObjectVersion, time::rfc3339};

/// The maximum number of running jobs per user.
pub const MAX_RUNNING: usize = 5;

/// The maximum number of chunks of a job that are in progress.
pub const LANES: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobType {
    /// Stores the photos of an archive.
    Unzip,
    /// Makes archives of photos.
    Export,
}

/// What a job works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An archive whose photos are stored.
    Archive(Archive),
    /// Photos that are exported.
    Photos {
        /// The sizes of the archives made of them, once the job is done.
        files: Vec<u64>,
    },
}

/// An archive that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The client's name for it.
    pub filename: String,
    /// The upload that brought it.
    pub upload: Uuid,
    /// The object. Nothing else is ever read.
    pub version: ObjectVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Running,
    /// Every entry has its outcome.
    Done,
    /// The job could not go on. `problem` says why.
    Failed,
    /// The owner cancelled it.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why the remaining entries of a job are reported without being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Cancelled,
    /// The name of a problem.
    Failed(String),
}

impl Stop {
    /// The reason with which the remaining entries of an archive are reported.
    pub(super) const fn reason(&self) -> Failed {
        match self {
            Self::Cancelled => Failed::Cancelled,
            Self::Failed(_) => Failed::Storage,
        }
    }

    /// The reason with which the remaining photos of an export are reported.
    pub(super) const fn left_out(&self) -> LeftOut {
        match self {
            Self::Cancelled => LeftOut::Cancelled,
            Self::Failed(_) => LeftOut::Failed,
        }
    }
}

/// The outcomes of entries, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) stored: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    /// The packed bytes of these entries, or the bytes of these photos.
    pub(super) bytes: u64,
}

/// What the plan of a job says about its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) chunks: u32,
    /// How many chunks of each lane are done.
    pub(super) lanes: Vec<u32>,
}

impl Size {
    pub(super) fn new(entries: u64, bytes: u64, chunks: u32) -> Self {
        let lanes = usize::try_from(chunks.min(LANES)).unwrap_or_default();
        Self { entries, bytes, chunks, lanes: vec![0; lanes] }
    }

    /// The next chunk of a lane; `None` once all of its chunks are done.
    pub(super) fn next(&self, lane: u32) -> Option<u32> {
        let done = self.lanes.get(usize::try_from(lane).ok()?)?;
        let lanes = u32::try_from(self.lanes.len()).ok()?;
        done.checked_mul(lanes)?.checked_add(lane).filter(|chunk| *chunk < self.chunks)
    }

    /// Whether a chunk is done.
    pub(super) fn is_done(&self, chunk: u32) -> bool {
        let lanes = u32::try_from(self.lanes.len()).unwrap_or_default().max(1);
        let done = usize::try_from(chunk % lanes).ok().and_then(|lane| self.lanes.get(lane));
        done.is_some_and(|done| chunk / lanes < *done)
    }

    /// Whether all chunks are done.
    pub(super) fn is_complete(&self) -> bool {
        self.lanes.iter().map(|done| u64::from(*done)).sum::<u64>() == u64::from(self.chunks)
    }
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// UUID version 7, which contains the time of creation.
    pub id: Uuid,
    pub subject: Subject,
    pub state: JobState,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// `None` until the job is planned.
    pub(super) size: Option<Size>,
    /// Whether each lane has its message.
    pub(super) is_started: bool,
    pub(super) counts: Counts,
    pub stop: Option<Stop>,
}

/// A task that runs in the background.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobView {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: JobType,
    pub state: JobState,
    pub entries: Entries,
    pub bytes: Bytes,
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// Null while the job runs.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// The client's name for the archive; null for an export.
    pub filename: Option<String>,
    /// The archives of an export that is done, for 3 days after `created_at`; else null.
    pub files: Option<Vec<FileView>>,
    /// The `type` of the problem for which the job failed, or null.
    pub problem: Option<String>,
}

/// An archive that an export has made.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportFile")]
pub struct FileView {
    pub filename: String,
    /// In bytes.
    pub size: u64,
    /// A presigned URL that serves the archive. It is valid for 15 minutes; a new request gets a new one.
    #[schemars(extend("format" = "uri"))]
    pub url: String,
}

/// The entries of a job's archive.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobEntries")]
pub struct Entries {
    /// Null until it is known.
    pub total: Option<u64>,
    pub stored: u64,
    pub skipped: u64,
    /// Including those that were cancelled or over the quota.
    pub failed: u64,
}

/// Packed bytes of the archive's entries, or bytes of the photos that are exported.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobBytes")]
pub struct Bytes {
    /// Null until it is known.
    pub total: Option<u64>,
    pub done: u64,
}

impl Job {
    /// A new job.
    #[must_use]
    pub const fn new(id: Uuid, subject: Subject, now: Timestamp) -> Self {
        Self {
            id,
            subject,
            state: JobState::Running,
            created_at: now,
            finished_at: None,
            size: None,
            is_started: false,
            counts: Counts { stored: 0, skipped: 0, failed: 0, bytes: 0 },
            stop: None,
        }
    }

    /// Names the reservation of a chunk, and marks the photos that the chunk has stored.
    pub(super) const fn owner(&self, chunk: u32) -> Uuid {
        Uuid::from_u128(self.id.as_u128().wrapping_add(1 + chunk as u128))
    }

    /// What the job has reserved of the quota: the bytes of its archive.
    pub(super) const fn reserved(&self) -> u64 {
        match &self.subject {
            Subject::Archive(archive) => archive.version.size,
            Subject::Photos { .. } => 0,
        }
    }

    /// The job as responses show it, without `files`.
    #[must_use]
    pub fn view(&self) -> JobView {
        let (kind, filename) = match &self.subject {
            Subject::Archive(archive) => (JobType::Unzip, Some(archive.filename.clone())),
            Subject::Photos { .. } => (JobType::Export, None),
        };
        let Counts { stored, skipped, failed, bytes } = self.counts;
        let problem = match &self.stop {
            Some(Stop::Failed(name)) => Some(format!("urn:yourplace:problem:{name}")),
            Some(Stop::Cancelled) | None => None,
        };
        JobView {
            id: self.id,
            kind,
            state: self.state,
            entries: Entries { total: self.size.as_ref().map(|size| size.entries), stored, skipped, failed },
            bytes: Bytes { total: self.size.as_ref().map(|size| size.bytes), done: bytes },
            created_at: rfc3339(self.created_at),
            finished_at: self.finished_at.map(rfc3339),
            filename,
            files: None,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lanes_do_every_chunk_once(
            chunks in 0_u32..200,
            order in proptest::collection::vec(0_u32..LANES, 0..400),
        ) {
            let mut size = Size::new(0, 0, chunks);
            let mut done = std::collections::BTreeSet::new();
            for lane in order.into_iter().chain((0..LANES).cycle().take(4_000)) {
                prop_assert_eq!(size.is_complete(), u32::try_from(done.len()) == Ok(chunks));
                if let Some(chunk) = size.next(lane) {
                    prop_assert!(!size.is_done(chunk));
                    size.lanes[lane as usize] += 1;
                    prop_assert!(size.is_done(chunk));
                    prop_assert!(done.insert(chunk));
                }
            }
            prop_assert!(done.into_iter().eq(0..chunks));
            prop_assert!(size.is_complete());
        }
    }
}
