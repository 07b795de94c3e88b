use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    Stored {
        filename: String,
        size: u64,
    },
    Skipped(Skipped),
    Failed(Failed),
    /// A photo that is in an export, as responses show it without its URLs.
    Exported(Value),
    /// A photo that is not in an export.
    Left(LeftOut),
}

/// Why a photo is not in an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LeftOut {
    /// It was deleted after the export began.
    Deleted,
    /// Its preview is not made yet.
    Pending,
    /// It has no preview, because it cannot be decoded.
    Unavailable,
    Cancelled,
    /// The export has failed.
    Failed,
}

impl LeftOut {
    /// The reason that the contract has for it.
    const fn reason(self) -> Failed {
        match self {
            Self::Deleted | Self::Failed => Failed::Storage,
            Self::Pending => Failed::OutOfTime,
            Self::Unavailable => Failed::Damaged,
            Self::Cancelled => Failed::Cancelled,
        }
    }

    /// What the user can do about it.
    const fn detail(self) -> &'static str {
        match self {
            Self::Deleted => "The photo was deleted before it was exported.",
            Self::Pending => "The photo's preview is not ready. Export it again later, or its original now.",
            Self::Unavailable => "The photo cannot be decoded, so it has no preview. Export its original.",
            Self::Cancelled => "The export was cancelled. Start another one if you need the photo.",
            Self::Failed => "The export has failed. Start another one.",
        }
    }
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
    pub reason: Option<Value>,
    /// What the user can do about it, or null.
    pub detail: Option<&'static str>,
    /// The photo as it was stored or exported, or null.
    #[schemars(with = "Option<Photo>")]
    pub photo: Option<Value>,
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

    /// A photo of an export.
    pub(super) fn exported(entry: String, outcome: Result<Value, LeftOut>) -> Self {
        let result = match outcome {
            Ok(photo) => EntryResult::Exported(photo),
            Err(reason) => EntryResult::Left(reason),
        };
        Self { entry, result }
    }

    pub(super) const fn outcome(&self) -> Outcome {
        match self.result {
            EntryResult::Stored { .. } | EntryResult::Exported(_) => Outcome::Stored,
            EntryResult::Skipped(_) => Outcome::Skipped,
            EntryResult::Failed(_) | EntryResult::Left(_) => Outcome::Failed,
        }
    }

    /// The photo's object in `photos.json`; `None` if it was not exported.
    pub(super) fn in_catalogue(self) -> Option<Value> {
        let EntryResult::Exported(Value::Object(mut photo)) = self.result else { return None };
        photo.remove("thumbnail_url");
        photo.remove("preview_url");
        photo.insert("entry".to_owned(), self.entry.into());
        Some(Value::Object(photo))
    }

    pub(super) fn into_view(self) -> EntryView {
        let outcome = self.outcome();
        let (reason, detail, photo) = match self.result {
            EntryResult::Stored { filename, size } => {
                let photo = PhotoName::parse(&filename).map(|name| Photo::from(PhotoRecord::new(name, size)));
                (None, None, photo.ok().and_then(|photo| serde_json::to_value(photo).ok()))
            }
            EntryResult::Skipped(reason) => (serde_json::to_value(reason).ok(), Some(reason.detail()), None),
            EntryResult::Failed(reason) => (serde_json::to_value(reason).ok(), Some(reason.detail()), None),
            EntryResult::Exported(photo) => (None, None, Some(photo)),
            EntryResult::Left(left) => (serde_json::to_value(left.reason()).ok(), Some(left.detail()), None),
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
