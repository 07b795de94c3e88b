//! Uploads of photos and archives in parts. The bytes go directly to S3. This service signs the URLs, checks what
//! arrived, and promotes it to a photo or starts a job for the archive.
//!
//! An upload is an S3 multipart upload to `incoming/{user}/{id}`, even if it has a single part, because S3 rejects all
//! of its URLs once it has ended. Nothing under `incoming/` is ever served.

mod service;
mod session;
mod store;

pub use service::{UploadError, Uploads};
pub use session::{Declaration, MAX_OPEN, Part, Refusal, Session, State, UploadKind, UploadView};
pub use store::UploadStore;
