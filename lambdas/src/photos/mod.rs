//! A user's photos: what counts as one, what it is called, and where it is kept.

mod kind;
mod name;
mod store;

use serde::Serialize;

pub use kind::PhotoType;
pub use name::{MAX_NAME_BYTES, PhotoName, WrongName};
pub use store::{Page, PhotoStore, StoreError};

/// A stored photo, as every route shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Photo {
    /// What the service named it; unique in the user's folder.
    pub filename: PhotoName,
    /// Told from its first bytes at the upload.
    #[serde(rename = "type")]
    pub kind: PhotoType,
    /// In bytes.
    pub size: u64,
    /// Taken from the file name, so that it can be had without asking the storage again.
    pub uploaded_at: String,
}

impl Photo {
    /// The photo of that name and size in bytes.
    #[must_use]
    pub fn new(filename: PhotoName, size: u64) -> Self {
        Self { kind: filename.kind(), uploaded_at: crate::time::rfc3339(filename.uploaded_at()), filename, size }
    }
}
