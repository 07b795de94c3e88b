//! `POST /uploads/{id}/complete`

use http::StatusCode;

use crate::{
    jobs::JobQueue,
    openapi::{Access, Operation},
    uploads::{UploadKind, UploadView, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::upload_id, problem::Kind},
};

/// Checks the bytes that have arrived, and stores them as a photo or starts the job for an archive.
pub struct UploadsComplete {
    pub auth: Auth,
    pub uploads: Uploads,
    pub queue: JobQueue,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /uploads/{id}/complete",
            "completeUpload",
            "Uploads",
            Access::Token,
            "Store an upload as a photo, or start the job for an archive",
        )
        .id("The upload's id")
        .json::<UploadView>(201, "The upload with its photo")
        .json::<UploadView>(202, "The upload with its job")
        .problems(&[
            Kind::NO_SUCH_UPLOAD,
            Kind::PARTS_MISSING,
            Kind::UPLOAD_ENDED,
            Kind::NOT_A_PHOTO,
            Kind::NOT_AN_ARCHIVE,
            Kind::DAMAGED_ARCHIVE,
            Kind::CHECKSUM_MISMATCH,
            Kind::TOO_MANY,
        ]),
    ]
}

impl Route for UploadsComplete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let upload = self.uploads.complete(user.key(), upload_id(&request)?, &self.queue).await?;
        let status = match upload.kind {
            UploadKind::Photo => StatusCode::CREATED,
            UploadKind::Archive => StatusCode::ACCEPTED,
        };
        json(status, &upload)
    }
}
