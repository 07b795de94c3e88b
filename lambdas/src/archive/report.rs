use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::photos::Photo;

// Lambda limits a response to 6 MB of JSON, which contains the report as an escaped string. A report on 1,000 entries
// stays below the limit: a name has at most 1,024 bytes, each of which takes at most four (a quotation mark, escaped
// twice), and the rest of an entry takes less than 1,500 bytes.
/// The outcome of each entry of an archive. Each entry is in exactly one list, in the order of the archive's directory.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Report {
    pub stored: Vec<Stored>,
    /// Entries left out on purpose.
    pub skipped: Vec<NotStored<Skipped>>,
    /// Entries that are, or may be, photos and could not be stored.
    pub failed: Vec<NotStored<Failed>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Stored {
    /// The name in the archive, shortened and without control characters.
    pub entry: String,
    #[serde(flatten)]
    pub photo: Photo,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NotStored{R}")]
pub struct NotStored<R> {
    /// The name in the archive, shortened and without control characters.
    pub entry: String,
    pub reason: R,
    /// What the user can do about it.
    pub detail: &'static str,
}

/// Why an entry was left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    Directory,
    /// The first bytes are not those of a photo.
    NotAPhoto,
    /// A symbolic link.
    Link,
    /// A dot file, a file in a dot folder, or macOS metadata.
    Hidden,
    /// An archive inside the archive.
    Archive,
}

/// Why an entry could not be stored. Only the bytes of an entry tell whether it is a photo, not its name. So an entry
/// whose bytes cannot be read counts as failed and not as skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Failed {
    Encrypted,
    /// The bytes are missing or do not match the archive's directory.
    Damaged,
    /// Compressed by a method other than deflate.
    UnsupportedMethod,
    /// The entry exceeds the limit on the unpacked size of an entry.
    TooLarge,
    /// The entry exceeds what is left of the limit on the unpacked size of an archive.
    OverTotal,
    /// The time for the archive was over before the entry was stored.
    OutOfTime,
    /// The storage returned an error.
    Storage,
    /// The photo exceeds what is left of the user's quota.
    Quota,
    /// The job was cancelled before this entry was read. Only jobs report this.
    Cancelled,
}

impl Skipped {
    /// What the user can do about it.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Directory => "This is a folder. The files in it are listed separately.",
            Self::NotAPhoto => "This file is not a photo. Send JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP.",
            Self::Link => "This is a symbolic link. Send the photo that it points to.",
            Self::Hidden => "This is a hidden file. If it is a photo, remove the dot before its name or its folder's.",
            Self::Archive => "Archives inside an archive are not opened. Send this archive separately.",
        }
    }
}

impl Failed {
    /// What the user can do about it.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Encrypted => "This file needs a password. Send it in an archive without a password.",
            Self::Damaged => "This file is damaged in the archive. Create the archive again.",
            Self::UnsupportedMethod => "The compression method is not supported. Create the archive with deflate.",
            Self::TooLarge => "This file is too large when unpacked. Send a smaller version of the photo.",
            Self::OverTotal => "The archive is too large when unpacked. Send this file in another archive.",
            Self::OutOfTime => "Time ran out. If this photo is not in your list, send it in another archive.",
            Self::Storage => "The photo could not be stored. Send it again.",
            Self::Quota => "Your quota is exceeded. Delete photos and send this one again. GET /me shows your quota.",
            Self::Cancelled => "The job was cancelled before this file was read. Send it again if you need it.",
        }
    }
}

/// Why an entry was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Skipped(Skipped),
    Failed(Failed),
}

impl From<Skipped> for Reason {
    fn from(reason: Skipped) -> Self {
        Self::Skipped(reason)
    }
}

impl From<Failed> for Reason {
    fn from(reason: Failed) -> Self {
        Self::Failed(reason)
    }
}

/// The outcome of one entry.
#[derive(Debug)]
pub struct Processed<P> {
    /// The index in the directory.
    pub at: usize,
    /// The name in the archive, shortened and without control characters.
    pub entry: String,
    pub outcome: Result<P, Reason>,
}

impl Report {
    /// Makes a report of outcomes in the order of the directory.
    #[must_use]
    pub fn new(processed: Vec<Processed<Photo>>) -> Self {
        let mut report = Self::default();
        for Processed { entry, outcome, .. } in processed {
            match outcome {
                Ok(photo) => report.stored.push(Stored { entry, photo }),
                Err(Reason::Skipped(reason)) => {
                    report.skipped.push(NotStored { entry, reason, detail: reason.detail() });
                }
                Err(Reason::Failed(reason)) => {
                    report.failed.push(NotStored { entry, reason, detail: reason.detail() });
                }
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::{PhotoName, PhotoRecord, PhotoType};

    #[test]
    fn reasons_are_serialised_as_documented() {
        let skipped = [Skipped::Directory, Skipped::NotAPhoto, Skipped::Link, Skipped::Hidden, Skipped::Archive];
        assert_eq!(
            serde_json::to_string(&skipped).unwrap(),
            r#"["directory","not-a-photo","link","hidden","archive"]"#
        );
        let failed = [
            Failed::Encrypted,
            Failed::Damaged,
            Failed::UnsupportedMethod,
            Failed::TooLarge,
            Failed::OverTotal,
            Failed::OutOfTime,
            Failed::Storage,
        ];
        assert_eq!(
            serde_json::to_string(&failed).unwrap(),
            r#"["encrypted","damaged","unsupported-method","too-large","over-total","out-of-time","storage"]"#
        );
    }

    #[test]
    fn the_longest_report_on_a_thousand_entries_is_under_6_mb() {
        let entry = super::super::name::shown(&"\"".repeat(70_000));
        let name = PhotoName::new(&"\"".repeat(200), PhotoType::Webp, jiff::Timestamp::UNIX_EPOCH);
        let photo = Photo::from(PhotoRecord::new(name, u64::MAX));
        let stored = |at| Processed { at, entry: entry.clone(), outcome: Ok(photo.clone()) };
        let failed = |at| Processed { at, entry: entry.clone(), outcome: Err(Failed::OutOfTime.into()) };
        for report in [Report::new((0..1_000).map(stored).collect()), Report::new((0..1_000).map(failed).collect())] {
            let body = serde_json::to_string(&report).unwrap();
            let response = serde_json::to_string(&body).unwrap();
            assert!(response.len() < 5_900_000, "{}", response.len());
        }
    }
}
