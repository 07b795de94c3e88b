//! A user's photos: their formats, their names and their storage.

mod deletion;
mod duplicates;
mod edit;
mod events;
mod intake;
mod kind;
mod library;
mod name;
mod reconcile;
mod record;
mod repair;
mod reservation;
mod store;
mod taken;
mod trash;
mod usage;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use deletion::Deletion;
pub use edit::{Described, Description, Edit};
pub use events::{Change, Notice, read_notice};
pub use intake::Intake;
pub use kind::PhotoType;
pub use library::{Library, Position, Selection};
pub use name::{MAX_NAME_BYTES, PhotoName, WrongName};
pub use reconcile::{Reconciled, Reconciler};
pub use record::{Dimensions, PhotoRecord};
pub use reservation::{Exceeded, ReserveError};
pub use store::{LargePhoto, PhotoStore, StoreError};
pub use taken::{Taken, TakenAt, TakenAtSource};
pub use trash::{Trash, TrashQueue};
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
    /// When the photo was taken, in local time: `YYYY-MM-DDTHH:MM:SS[.mmm]`, with an offset such as `+01:00` only if
    /// the photo or the user states one.
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
    /// A JPEG file of at most 512 pixels on the longer side, null until it is ready. The URL is valid for 15 minutes.
    #[schemars(extend("format" = "uri"))]
    pub thumbnail_url: Option<String>,
    /// As `thumbnail_url`, with at most 2,048 pixels.
    #[schemars(extend("format" = "uri"))]
    pub preview_url: Option<String>,
    /// A blurred picture to show until the thumbnail is loaded, in base64 (<https://evanw.github.io/thumbhash/>).
    pub thumbhash: Option<String>,
    /// The user's oldest photo with the same bytes, if that is another one. Photos in the trash do not count.
    pub duplicate_of: Option<PhotoName>,
}

/// In degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
}

/// Whether smaller versions of a photo exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rendition {
    /// Not made yet.
    Pending,
    Ready,
    /// The photo cannot be decoded. It is stored all the same.
    Unavailable,
}

impl Rendition {
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::Ready, Self::Unavailable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Unavailable => "unavailable",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rendition| rendition.as_str() == text)
    }
}

/// A photo whose bytes nobody has compared with other photos yet.
impl From<PhotoRecord> for Photo {
    fn from(record: PhotoRecord) -> Self {
        Self::new(record, None)
    }
}

impl Photo {
    #[must_use]
    pub fn new(record: PhotoRecord, duplicate_of: Option<PhotoName>) -> Self {
        let (taken_at, taken_at_source) = (record.taken.at().clone(), record.taken.source());
        Self {
            kind: record.name.kind(),
            uploaded_at: crate::time::rfc3339(record.name.uploaded_at()),
            filename: record.name,
            size: record.size,
            sha256: record.sha256,
            width: record.dimensions.map(|dimensions| dimensions.width),
            height: record.dimensions.map(|dimensions| dimensions.height),
            taken_at,
            taken_at_source,
            place: record.place,
            camera: record.camera,
            favourite: record.favourite,
            trashed_at: record.trashed_at.map(crate::time::rfc3339),
            rendition: record.rendition,
            thumbnail_url: None,
            preview_url: None,
            thumbhash: record.thumbhash,
            duplicate_of,
        }
    }
}
