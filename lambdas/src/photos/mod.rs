//! A user's photos: their formats, their names and their storage.

mod events;
mod intake;
mod kind;
mod library;
mod name;
mod reconcile;
mod record;
mod repair;
mod store;
mod taken;
mod usage;

use schemars::JsonSchema;
use serde::Serialize;

pub use events::{Change, Notice, read_notice};
pub use intake::Intake;
pub use kind::PhotoType;
pub use library::{Exceeded, Library, Position, ReserveError, Selection};
pub use name::{MAX_NAME_BYTES, PhotoName, WrongName};
pub use reconcile::{Reconciled, Reconciler};
pub use record::PhotoRecord;
pub use store::{PhotoStore, StoreError};
pub use taken::{TakenAt, TakenAtSource};
pub use usage::{Amount, Quota, Usage};
pub(crate) use usage::{Delta, USAGE, UsageChange};

/// A stored photo. What is not known yet is null.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Photo {
    /// Unique among the user's photos.
    pub filename: PhotoName,
    /// Recognised by the first bytes of the file.
    #[serde(rename = "type")]
    pub kind: PhotoType,
    /// In bytes.
    pub size: u64,
    /// When the photo was uploaded: the timestamp in the file name.
    #[schemars(extend("format" = "date-time"))]
    pub uploaded_at: String,
    /// Hexadecimal SHA-256 of the file.
    pub sha256: Option<String>,
    /// In pixels, as displayed.
    pub width: Option<u32>,
    /// In pixels, as displayed.
    pub height: Option<u32>,
    /// When the photo was taken: `YYYY-MM-DDTHH:MM:SS[.mmm]`, in local time.
    pub taken_at: TakenAt,
    /// Where `taken_at` comes from.
    pub taken_at_source: TakenAtSource,
    /// Where the photo was taken.
    pub place: Option<Place>,
    pub camera: Option<String>,
    pub favourite: bool,
    /// When the photo was moved to the trash.
    #[schemars(extend("format" = "date-time"))]
    pub trashed_at: Option<String>,
    pub rendition: Rendition,
    #[schemars(extend("format" = "uri"))]
    pub thumbnail_url: Option<String>,
    #[schemars(extend("format" = "uri"))]
    pub preview_url: Option<String>,
    pub thumbhash: Option<String>,
    /// The user's oldest photo with the same bytes.
    pub duplicate_of: Option<PhotoName>,
}

/// In degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
}

/// Whether smaller versions of a photo exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rendition {
    Pending,
}

impl From<PhotoRecord> for Photo {
    fn from(record: PhotoRecord) -> Self {
        let PhotoRecord { name, size, sha256, taken_at, taken_at_source, favourite } = record;
        Self {
            kind: name.kind(),
            uploaded_at: crate::time::rfc3339(name.uploaded_at()),
            filename: name,
            size,
            sha256,
            width: None,
            height: None,
            taken_at,
            taken_at_source,
            place: None,
            camera: None,
            favourite,
            trashed_at: None,
            rendition: Rendition::Pending,
            thumbnail_url: None,
            preview_url: None,
            thumbhash: None,
            duplicate_of: None,
        }
    }
}
