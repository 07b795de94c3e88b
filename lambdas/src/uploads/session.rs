use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    jobs::JobView,
    money::whole_number,
    photos::{Amount, Photo, PhotoName, PhotoRecord},
    time::rfc3339,
};

/// The maximum number of open uploads per user.
pub const MAX_OPEN: usize = 20;

/// How long an upload stays open.
pub(super) const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// How long a call of `complete` may check an upload. This is longer than the function can run, so the holder of an
/// expired lease is dead.
pub(super) const LEASE: Duration = Duration::from_mins(1);

/// How long an upload is shown after it has ended.
pub(super) const SHOWN_AFTER_END: Duration = Duration::from_hours(24);

/// The maximum number of parts: as many as one response of `ListParts` contains. S3 allows 10,000.
const MAX_PARTS: u64 = 1_000;

/// The size of a part, unless it would result in more than [`MAX_PARTS`]. S3 requires at least 5 MiB for all parts but
/// the last.
const PART_BYTES: u64 = 16 * MIB;

const MIB: u64 = 1024 * 1024;

/// The maximum number of parts in one response.
pub(super) const PARTS_PER_RESPONSE: usize = 100;

/// What an upload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UploadKind")]
#[serde(rename_all = "lowercase")]
pub enum UploadKind {
    #[default]
    Photo,
    /// A ZIP archive, whose photos a job stores.
    Archive,
}

impl UploadKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Archive => "archive",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Photo, Self::Archive].into_iter().find(|kind| kind.as_str() == text)
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_photo(&self) -> bool {
        *self == Self::Photo
    }
}

/// A client's description of the file that it is going to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The client's name for the file.
    pub filename: String,
    /// In bytes; at least 1.
    #[serde(deserialize_with = "whole_number")]
    pub size: u64,
    #[serde(default, skip_serializing_if = "UploadKind::is_photo")]
    pub kind: UploadKind,
    /// Hexadecimal SHA-256 of the whole file, if the client knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "UploadState")]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Accepts parts.
    Open,
    /// A call of POST /uploads/{id}/complete is checking the bytes.
    Checking,
    /// The photo is stored, or the job for the archive has started.
    Done,
    /// The bytes are not a photo or an archive, or not the file that was declared. See `problem`.
    Refused,
    Cancelled,
    /// It was not completed in time.
    Expired,
}

impl State {
    const ALL: [Self; 6] = [Self::Open, Self::Checking, Self::Done, Self::Refused, Self::Cancelled, Self::Expired];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Checking => "checking",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why the bytes of a completed upload were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotAPhoto,
    NotAnArchive,
    DamagedArchive,
    ChecksumMismatch,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::NotAPhoto, Self::NotAnArchive, Self::DamagedArchive, Self::ChecksumMismatch];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAPhoto => "not-a-photo",
            Self::NotAnArchive => "not-an-archive",
            Self::DamagedArchive => "damaged-archive",
            Self::ChecksumMismatch => "checksum-mismatch",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == text)
    }
}

/// An upload as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// UUID version 7, which contains the time of creation.
    pub id: Uuid,
    pub declaration: Declaration,
    pub state: State,
    /// S3's id of the multipart upload.
    pub multipart: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When it was completed, refused, cancelled or released.
    pub ended_at: Option<Timestamp>,
    /// Set after the bytes have been checked, before the photo is stored.
    pub photo: Option<PhotoName>,
    /// The job of an archive; set with the state [`State::Done`].
    pub job: Option<Uuid>,
    /// Set if the state is [`State::Refused`].
    pub refusal: Option<Refusal>,
}

/// A part of an upload, with a presigned URL to send it to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "UploadPart")]
pub struct Part {
    /// Counted from 1.
    pub number: u32,
    /// In bytes. S3 rejects a body that is longer or shorter.
    pub size: u64,
    /// Send the bytes of the part to this URL with `PUT`.
    #[schemars(extend("format" = "uri"))]
    pub url: String,
    /// The headers to send in addition to those that every client sends.
    pub headers: NoHeaders,
    /// When the URL expires.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
}

/// Always `{}`, because a part needs no additional headers.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct NoHeaders {}

/// An upload in parts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Upload")]
pub struct UploadView {
    pub id: Uuid,
    pub kind: UploadKind,
    /// The client's name for the file.
    pub filename: String,
    /// The declared size in bytes.
    pub size: u64,
    pub state: State,
    /// The size in bytes of all parts but the last.
    pub part_size: u64,
    pub part_count: u64,
    /// The parts that have not arrived, at most 100 of them. Absent in GET /uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Part>")]
    pub parts: Option<Vec<Part>>,
    /// The number of bytes that have arrived.
    pub received: u64,
    /// The stored photo; null until `state` is `done`.
    pub photo: Option<Photo>,
    /// The job for the archive; null until `state` is `done`.
    pub job: Option<JobView>,
    /// The `type` of the problem for which the upload was refused, or null.
    pub problem: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When the upload expires unless it has been completed.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
}

impl Session {
    pub(super) fn new(id: Uuid, declaration: Declaration, multipart: String, now: Timestamp) -> Self {
        Self {
            id,
            declaration,
            state: State::Open,
            multipart,
            created_at: now,
            expires_at: now + LIFETIME,
            ended_at: None,
            photo: None,
            job: None,
            refusal: None,
        }
    }

    /// The state at `now`: an upload that was not completed in time has expired. While a lease may last, a call may be
    /// checking the upload.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> State {
        match self.state {
            State::Open if self.expires_at <= now => State::Expired,
            State::Checking if self.expires_at + LEASE <= now => State::Expired,
            state => state,
        }
    }

    /// Whether responses show the upload at `now`: for a day after its end.
    #[must_use]
    pub fn is_shown_at(&self, now: Timestamp) -> bool {
        let ended_at = self.ended_at.or((self.state_at(now) == State::Expired).then_some(self.expires_at));
        ended_at.is_none_or(|ended_at| ended_at + SHOWN_AFTER_END > now)
    }

    /// What the upload reserves while it is open. The photos of an archive draw on the quota themselves.
    #[must_use]
    pub const fn reserved(&self) -> Amount {
        match self.declaration.kind {
            UploadKind::Photo => Amount::photo(self.declaration.size),
            UploadKind::Archive => Amount { bytes: self.declaration.size, photos: 0 },
        }
    }

    /// The record of the photo, once it has a name.
    #[must_use]
    pub fn record(&self) -> Option<PhotoRecord> {
        let mut record = PhotoRecord::new(self.photo.clone()?, self.declaration.size);
        record.sha256 = self.declaration.sha256.as_deref().map(str::to_ascii_lowercase);
        Some(record)
    }

    /// The size of all parts but the last.
    #[must_use]
    pub const fn part_size(&self) -> u64 {
        part_size(self.declaration.size)
    }

    #[must_use]
    pub const fn part_count(&self) -> u64 {
        self.declaration.size.div_ceil(self.part_size())
    }

    /// The size of part `number`, counted from 1; `None` if there is no such part.
    #[must_use]
    pub fn size_of_part(&self, number: u32) -> Option<u64> {
        let before = u64::from(number).checked_sub(1)?.checked_mul(self.part_size())?;
        let left = self.declaration.size.checked_sub(before)?;
        (left > 0).then(|| left.min(self.part_size()))
    }

    /// The numbers of the parts that are not in `arrived`, lowest first. A part of the wrong size counts as missing.
    #[must_use]
    pub fn missing(&self, arrived: &[(u32, u64)]) -> Vec<u32> {
        (1..)
            .map_while(|number| self.size_of_part(number).map(|size| (number, size)))
            .filter(|part| !arrived.contains(part))
            .map(|(number, _)| number)
            .collect()
    }

    /// The upload as responses show it, without its job. `parts` is `None` if the route omits them.
    #[must_use]
    pub fn view(&self, now: Timestamp, received: u64, parts: Option<Vec<Part>>) -> UploadView {
        let state = self.state_at(now);
        UploadView {
            id: self.id,
            kind: self.declaration.kind,
            filename: self.declaration.filename.clone(),
            size: self.declaration.size,
            state,
            part_size: self.part_size(),
            part_count: self.part_count(),
            parts,
            received,
            photo: self.record().filter(|_| state == State::Done).map(Photo::from),
            job: None,
            problem: self.refusal.map(|refusal| format!("urn:yourplace:problem:{}", refusal.as_str())),
            created_at: rfc3339(self.created_at),
            expires_at: rfc3339(self.expires_at),
        }
    }
}

const fn part_size(size: u64) -> u64 {
    let least = size.div_ceil(MAX_PARTS).div_ceil(MIB) * MIB;
    if size <= PART_BYTES {
        size
    } else if least > PART_BYTES {
        least
    } else {
        PART_BYTES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(size: u64) -> Session {
        let declaration = Declaration { filename: "a.jpg".to_owned(), size, kind: UploadKind::Photo, sha256: None };
        Session::new(Uuid::nil(), declaration, String::new(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_upload_of_16_mib_has_one_part() {
        assert_eq!((session(1).part_count(), session(16 * MIB).part_count()), (1, 1));
        assert_eq!((session(16 * MIB + 1).part_count(), session(16 * MIB + 1).part_size()), (2, 16 * MIB));
    }

    #[test]
    fn an_upload_that_is_not_completed_expires() {
        let open = session(1);
        assert_eq!(open.state_at(open.expires_at - Duration::from_millis(1)), State::Open);
        assert_eq!(open.state_at(open.expires_at), State::Expired);
        let checking = Session { state: State::Checking, ..open.clone() };
        assert_eq!(checking.state_at(checking.expires_at), State::Checking);
        assert_eq!(checking.state_at(checking.expires_at + LEASE), State::Expired);
        let done = Session { state: State::Done, ..open };
        assert_eq!(done.state_at(done.expires_at), State::Done);
    }

    #[test]
    fn an_upload_is_shown_for_a_day_after_its_end() {
        let open = session(1);
        let day_after = |time: Timestamp| time + Duration::from_hours(24);
        assert!(open.is_shown_at(day_after(open.expires_at) - Duration::from_millis(1)));
        assert!(!open.is_shown_at(day_after(open.expires_at)));
        let ended_at = open.created_at + Duration::from_hours(1);
        let done = Session { state: State::Done, ended_at: Some(ended_at), ..open };
        assert!(done.is_shown_at(day_after(ended_at) - Duration::from_millis(1)));
        assert!(!done.is_shown_at(day_after(ended_at)));
    }

    proptest! {
        /// S3's limits: 10,000 parts, each but the last at least 5 MiB and at most 5 GiB. So 1,000 parts hold 5,000
        /// GiB.
        #[test]
        fn parts_add_up_to_the_size_and_fit_s3(size in 1..=5_000_u64 << 30) {
            let session = session(size);
            let sizes: Vec<u64> = (1..).map_while(|number| session.size_of_part(number)).collect();
            prop_assert_eq!(sizes.iter().sum::<u64>(), size);
            prop_assert_eq!(sizes.len() as u64, session.part_count());
            prop_assert!(sizes.len() <= 1_000);
            prop_assert!(sizes.iter().rev().skip(1).all(|part| (5 * MIB..=5 << 30).contains(part)));
        }

        #[test]
        fn what_has_not_arrived_is_missing(
            size in 1..200 * MIB,
            arrived in proptest::collection::vec(any::<bool>(), 13),
        ) {
            let session = session(size);
            let numbers = 1..=u32::try_from(session.part_count()).unwrap();
            let (here, away): (Vec<u32>, Vec<u32>) = numbers.partition(|number| arrived[*number as usize - 1]);
            let parts: Vec<_> = here.iter().map(|number| (*number, session.size_of_part(*number).unwrap())).collect();
            prop_assert_eq!(session.missing(&parts), away);
        }
    }
}
