//! `DELETE /uploads/{id}`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    uploads::Uploads,
    web::{Problem, Request, Response, Route, auth::Auth, empty, path::upload_id, problem::Kind},
};

/// Cancels an upload and deletes its bytes.
pub struct UploadsCancel {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("DELETE /uploads/{id}", "cancelUpload", "Uploads", Access::Token, "Cancel an upload")
            .id("The upload's id")
            .empty(204, "Cancelled, or already ended without a photo")
            .problems(&[Kind::NO_SUCH_UPLOAD, Kind::UPLOAD_ENDED]),
    ]
}

impl Route for UploadsCancel {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        self.uploads.cancel(user.key(), upload_id(&request)?).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
