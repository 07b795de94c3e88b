//! Uploads of any size. The bytes go straight to S3, in parts; this service signs the URLs, checks what arrived and
//! promotes it to a photo.
//!
//! An upload is an S3 multipart upload to `incoming/{user}/{id}`, also when it has one part: once the upload ends, S3
//! refuses every URL of it. Nothing under `incoming/` is ever served.

mod service;
mod session;
mod store;

pub use service::{Completed, Created, UploadError, Uploads};
pub use session::{Declaration, MAX_OPEN, Part, Refusal, Session, State, UploadView};
pub use store::UploadStore;
