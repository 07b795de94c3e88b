//! `POST /unzip`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use lambda_http::RequestExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    archive::{Limits, Report, Zip},
    config::Uploads,
    openapi::{Access, Operation},
    photos::{Intake, Photo, PhotoStore, Quota},
    uploads::UploadStore,
    web::{Problem, Request, Response, Route, auth::Auth, json, problem::Kind, upload::Upload},
};

/// The time reserved for recording the last photos and for sending the response.
const RESPONSE_TIME: Duration = Duration::from_secs(2);

/// The part of it in which photos are recorded. Events record the photos that are left.
const RECORD_TIME: Duration = Duration::from_secs(1);

/// Stores every photo of a ZIP archive in the caller's folder.
pub struct Unzip {
    pub auth: Auth,
    pub photos: PhotoStore,
    /// Counts the quota.
    pub uploads: UploadStore,
    pub quota: Quota,
    /// The limit on the size of an archive.
    pub limit: Uploads,
    /// The limits on the work for one archive.
    pub limits: Limits,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /unzip", "unzip", "Photos", Access::Token, "Store every photo of a ZIP archive")
            .upload("archive", "A ZIP archive of at most 4,194,304 bytes and 1,000 entries")
            .json::<Report>(200, "The outcome of each entry of the archive")
            .problems(&[Kind::NOT_AN_ARCHIVE, Kind::DAMAGED_ARCHIVE, Kind::TOO_MANY_ENTRIES]),
    ]
}

impl Route for Unzip {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let deadline = deadline(&request);
        let upload = Upload::read(request, "archive", self.limit.max_bytes).await?;
        let archive = Zip::open(upload.bytes, &self.limits)?;
        let intake = Intake::new(&self.photos, &self.uploads, self.quota, user.key());
        intake.expect(archive.declared(&self.limits)).await;
        let processed = archive
            .unpack(&self.limits, deadline, async |_, name: String, kind, photo| {
                intake.store(&name, kind, photo).await.map(Photo::from)
            })
            .await;
        if timeout_at(deadline + RECORD_TIME, intake.finish()).await.is_err() {
            tracing::warn!("time ran out: events have to record photos");
        }
        json(StatusCode::OK, &Report::new(processed))
    }
}

/// When unpacking must stop, so that the response is sent before Lambda ends the invocation.
fn deadline(request: &Request) -> Instant {
    let ends = request.lambda_context_ref().map_or(0, |context| context.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(ends).saturating_sub(now).saturating_sub(RESPONSE_TIME);
    Instant::now() + left
}
