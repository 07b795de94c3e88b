//! `POST /uploads/{id}/complete`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    uploads::{UploadView, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::upload_id, problem::Kind},
};

/// Checks the bytes that have arrived and stores them as a photo.
pub struct UploadsComplete {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /uploads/{id}/complete",
            "completeUpload",
            "Uploads",
            Access::Token,
            "Store an upload as a photo",
        )
        .id("The upload's id")
        .json::<UploadView>(201, "The upload with its photo")
        .problems(&[
            Kind::NO_SUCH_UPLOAD,
            Kind::PARTS_MISSING,
            Kind::UPLOAD_ENDED,
            Kind::NOT_A_PHOTO,
            Kind::CHECKSUM_MISMATCH,
        ]),
    ]
}

impl Route for UploadsComplete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let upload = self.uploads.complete(user.key(), upload_id(&request)?).await?;
        json(StatusCode::CREATED, &upload)
    }
}
