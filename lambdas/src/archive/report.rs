use serde::Serialize;

use crate::photos::Photo;

/// What became of each entry of an archive. Each is in exactly one list, in the order of the archive's directory.
///
/// As JSON, and as text inside the JSON of a Lambda answer, the report on 1,000 entries stays under 6 MB, the most that
/// an answer may have: a shown name is at most 1,024 bytes, each of which is at worst a quotation mark and takes four
/// (escaped, and the escape escaped), and the rest of an entry is under 900 bytes.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The photos that are stored now.
    pub stored: Vec<Stored>,
    /// What was left out on purpose.
    pub skipped: Vec<NotStored<Skipped>>,
    /// What is, or may be, a photo, and could not be stored.
    pub failed: Vec<NotStored<Failed>>,
}

/// An entry that was stored.
#[derive(Debug, Serialize)]
pub struct Stored {
    /// Its name in the archive, as it can be shown.
    pub entry: String,
    /// What the service made of it.
    #[serde(flatten)]
    pub photo: Photo,
}

/// An entry that was not stored.
#[derive(Debug, Serialize)]
pub struct NotStored<R> {
    /// Its name in the archive, as it can be shown.
    pub entry: String,
    /// Why.
    pub reason: R,
    /// What can be done about it.
    pub detail: &'static str,
}

/// Why an entry was left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// A folder.
    Directory,
    /// A file of another kind, by its first bytes.
    NotAPhoto,
    /// A symbolic link.
    Link,
    /// A dot file, or what macOS adds to archives.
    Hidden,
    /// An archive in the archive.
    Archive,
}

/// Why an entry could not be stored. Only its bytes tell whether an entry is a photo, whatever its name ends with: one
/// whose bytes cannot be had counts as failed, so that no photo is lost as "skipped on purpose".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failed {
    /// It needs a password.
    Encrypted,
    /// Its bytes are not those that the directory promises, or not to be found.
    Damaged,
    /// It is compressed, but not by deflate.
    UnsupportedMethod,
    /// Over [`super::Limits::max_entry_bytes`].
    TooLarge,
    /// Over what [`super::Limits::max_total_bytes`] leaves.
    OverTotal,
    /// The deadline came first.
    OutOfTime,
    /// The store did not take it.
    Storage,
}

impl Skipped {
    const fn detail(self) -> &'static str {
        match self {
            Self::Directory => "Folders are not kept; the photos in them are stored.",
            Self::NotAPhoto => "Not a photo, by its first bytes: send JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP.",
            Self::Link => "A symbolic link: send the photo that it points to.",
            Self::Hidden => "A hidden file: rename it without the dot if it is a photo.",
            Self::Archive => "An archive in the archive is not opened: send it by itself.",
        }
    }
}

impl Failed {
    const fn detail(self) -> &'static str {
        match self {
            Self::Encrypted => "It needs a password: send it in an archive without one.",
            Self::Damaged => "Its bytes are not what the archive says they are: make the archive anew.",
            Self::UnsupportedMethod => "Compressed by another method than deflate: make the archive with deflate.",
            Self::TooLarge => "Larger, unpacked, than the service takes: send a smaller version of the photo.",
            Self::OverTotal => "The archive unpacks to more than the service takes: send this one in another archive.",
            Self::OutOfTime => {
                "Time ran out: if the photo is not in the list of your photos, send it in another archive."
            }
            Self::Storage => "The storage did not take it: try again.",
        }
    }
}

/// Why an entry was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
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

/// One entry, done with.
pub(super) struct Seen {
    /// Its place in the directory.
    pub(super) at: usize,
    pub(super) entry: String,
    pub(super) outcome: Result<Photo, Reason>,
}

impl Report {
    pub(super) fn new(mut seen: Vec<Seen>) -> Self {
        seen.sort_unstable_by_key(|seen| seen.at);
        let mut report = Self::default();
        for Seen { entry, outcome, .. } in seen {
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
    use crate::photos::{PhotoName, PhotoType};

    #[test]
    fn reasons_are_written_as_in_the_contract() {
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
    fn the_longest_answer_about_a_thousand_entries_is_under_6_mb() {
        let entry = super::super::name::shown(&"\"".repeat(70_000));
        let name = PhotoName::new(&"\"".repeat(200), PhotoType::Webp, jiff::Timestamp::UNIX_EPOCH);
        let stored = |at| Seen { at, entry: entry.clone(), outcome: Ok(Photo::new(name.clone(), u64::MAX)) };
        let failed = |at| Seen { at, entry: entry.clone(), outcome: Err(Failed::OutOfTime.into()) };
        for report in [Report::new((0..1_000).map(stored).collect()), Report::new((0..1_000).map(failed).collect())] {
            let body = serde_json::to_string(&report).unwrap();
            let answer = serde_json::to_string(&body).unwrap();
            assert!(answer.len() < 5_900_000, "{}", answer.len());
        }
    }
}
