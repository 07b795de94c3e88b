//! A user's photos: their formats, their names and their storage.

mod kind;
mod name;
mod store;

use schemars::JsonSchema;
use serde::Serialize;

pub use kind::PhotoType;
pub use name::{MAX_NAME_BYTES, PhotoName, WrongName};
pub use store::{Page, PhotoStore, StoreError};

/// A stored photo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Photo {
    /// Unique among the user's photos.
    pub filename: PhotoName,
    /// Recognised by the first bytes of the file.
    #[serde(rename = "type")]
    pub kind: PhotoType,
    /// In bytes.
    pub size: u64,
    // From the file name, so that no further request to S3 is needed.
    /// When the photo was uploaded: the timestamp in the file name.
    #[schemars(extend("format" = "date-time"))]
    pub uploaded_at: String,
}

impl Photo {
    #[must_use]
    pub fn new(filename: PhotoName, size: u64) -> Self {
        Self { kind: filename.kind(), uploaded_at: crate::time::rfc3339(filename.uploaded_at()), filename, size }
    }
}
