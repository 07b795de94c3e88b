//! Renditions: small JPEG versions of photos, made once for each photo, and the metadata in photos.
//!
//! The decoders are in the package `renditions`, and run in a process of their own ([`Renderer`]).

mod message;
mod process;
mod store;

use serde::{Deserialize, Serialize};

use crate::{
    photos::{PhotoRecord, Place, Rendition},
    storage::{CloudError, keys, presign::Presigner},
    users::UserKey,
};
pub use message::{RenderQueue, Task};
pub use process::{ARGUMENT, LIMITS, Limits, RenderError, Renderer, Seen, write_metadata, write_rendered};
pub use store::RenditionStore;

/// The version of the renditions: the number changes with anything that changes their pixels. A repair then renders
/// all photos again.
pub const RECIPE: u32 = 1;

/// The longer side of a thumbnail, in pixels.
pub const THUMBNAIL: u32 = 512;

/// The longer side of a preview, in pixels.
pub const PREVIEW: u32 = 2_048;

/// All renditions are of this type.
pub const MEDIA_TYPE: &str = "image/jpeg";

/// The metadata in a photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// `YYYY-MM-DDTHH:MM:SS[.mmm][±HH:MM]`.
    pub taken_at: Option<String>,
    pub place: Option<Place>,
    pub camera: Option<String>,
}

/// The renditions of a photo.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Of the photo, in pixels, as displayed.
    pub width: u32,
    /// Of the photo, in pixels, as displayed.
    pub height: u32,
    /// Of the photo (<https://evanw.github.io/thumbhash/>), in base64.
    pub thumbhash: String,
    /// A JPEG file.
    pub thumbnail: Vec<u8>,
    /// A JPEG file.
    pub preview: Vec<u8>,
}

/// The URLs of a photo's thumbnail and preview; `None` if there are none.
///
/// # Errors
/// If a URL cannot be signed, which is a bug.
pub fn urls(
    user: &UserKey,
    record: &PhotoRecord,
    presigner: &Presigner,
) -> Result<Option<(String, String)>, CloudError> {
    if record.rendition != Rendition::Ready {
        return Ok(None);
    }
    let url = |longer| {
        let url = presigner.presign_steady(&keys::rendition(user, &record.name, record.recipe, longer), MEDIA_TYPE);
        url.map_err(|error| CloudError::caused("the URL of a rendition cannot be signed", error))
    };
    Ok(Some((url(THUMBNAIL)?, url(PREVIEW)?)))
}
