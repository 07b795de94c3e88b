use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::job::Counts;
use crate::{
    archive::{Failed, Reason, Skipped},
    photos::{Photo, PhotoName, PhotoRecord},
};

/// The outcome of an entry, as a report holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The name in the archive, shortened and without control characters.
    entry: String,
    result: EntryResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryResult {
    Stored { filename: String, size: u64 },
    Skipped(Skipped),
    Failed(Failed),
}

/// The outcomes of a chunk's entries, in the archive's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report(pub(super) Vec<Line>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Stored,
    /// Left out on purpose.
    Skipped,
    /// Is, or may be, a photo and was not stored.
    Failed,
}

/// The outcome of an entry.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobEntry")]
pub struct EntryView {
    /// The name in the archive, shortened and without control characters.
    pub entry: String,
    pub outcome: Outcome,
    /// Why the entry was not stored, or null.
    #[schemars(with = "Option<String>")]
    pub reason: Option<serde_json::Value>,
    /// What the user can do about it, or null.
    pub detail: Option<&'static str>,
    /// The photo as it was stored, or null.
    pub photo: Option<Photo>,
}

impl Line {
    pub(super) fn new(entry: String, outcome: Result<PhotoRecord, Reason>) -> Self {
        let result = match outcome {
            Ok(record) => EntryResult::Stored { filename: record.name.to_string(), size: record.size },
            Err(Reason::Skipped(reason)) => EntryResult::Skipped(reason),
            Err(Reason::Failed(reason)) => EntryResult::Failed(reason),
        };
        Self { entry, result }
    }

    pub(super) const fn outcome(&self) -> Outcome {
        match self.result {
            EntryResult::Stored { .. } => Outcome::Stored,
            EntryResult::Skipped(_) => Outcome::Skipped,
            EntryResult::Failed(_) => Outcome::Failed,
        }
    }

    pub(super) fn into_view(self) -> EntryView {
        let outcome = self.outcome();
        let (reason, detail, photo) = match self.result {
            EntryResult::Stored { filename, size } => {
                let name = PhotoName::parse(&filename).ok();
                (None, None, name.map(|name| Photo::from(PhotoRecord::new(name, size))))
            }
            EntryResult::Skipped(reason) => (serde_json::to_value(reason).ok(), Some(reason.detail()), None),
            EntryResult::Failed(reason) => (serde_json::to_value(reason).ok(), Some(reason.detail()), None),
        };
        EntryView { entry: self.entry, outcome, reason, detail, photo }
    }
}

impl Report {
    pub(super) fn counts(&self, bytes: u64) -> Counts {
        let count = |outcome| self.0.iter().filter(|line| line.outcome() == outcome).count() as u64;
        Counts {
            stored: count(Outcome::Stored),
            skipped: count(Outcome::Skipped),
            failed: count(Outcome::Failed),
            bytes,
        }
    }
}
