//! `POST /unzip`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use lambda_http::RequestExt as _;
use tokio::time::Instant;

use crate::{
    archive::{Limits, Report, unpack},
    config::Uploads,
    openapi::{Access, Operation},
    photos::PhotoStore,
    web::{Problem, Request, Response, Route, auth::Auth, json, problem::Kind, upload::Upload},
};

/// Kept of the function's time for writing the answer.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Stores every photo of a ZIP archive in the caller's folder.
pub struct Unzip {
    pub auth: Auth,
    pub photos: PhotoStore,
    /// How large an archive may be.
    pub uploads: Uploads,
    /// What an archive may cost.
    pub limits: Limits,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /unzip", "unzip", "Photos", Access::Token, "Store every photo of a ZIP archive")
            .upload("archive", "A ZIP archive of at most 4,194,304 bytes and 1,000 entries")
            .json::<Report>(200, "What became of each entry of the archive")
            .problems(&[Kind::NOT_AN_ARCHIVE, Kind::DAMAGED_ARCHIVE, Kind::TOO_MANY_ENTRIES]),
    ]
}

impl Route for Unzip {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let deadline = deadline(&request);
        let upload = Upload::read(request, "archive", self.uploads.max_bytes).await?;
        let report = unpack(upload.bytes, &self.limits, deadline, |name, kind, photo| {
            let folder = user.key();
            async move { self.photos.put(folder, &name, kind, photo).await }
        })
        .await?;
        json(StatusCode::OK, &report)
    }
}

/// When the answer must be on its way, by the time at which Lambda ends the invocation.
fn deadline(request: &Request) -> Instant {
    let ends = request.lambda_context_ref().map_or(0, |context| context.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(ends).saturating_sub(now).saturating_sub(ANSWER_TIME);
    Instant::now() + left
}
