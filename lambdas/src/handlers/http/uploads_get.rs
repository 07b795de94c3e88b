//! `GET /uploads/{id}`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    uploads::{UploadView, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::upload_id, problem::Kind},
};

/// Shows an upload.
pub struct UploadsGet {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /uploads/{id}", "upload", "Uploads", Access::Token, "Show an upload")
            .id("The upload's id")
            .json::<UploadView>(200, "The upload, with URLs for the parts that have not arrived")
            .problems(&[Kind::NO_SUCH_UPLOAD]),
    ]
}

impl Route for UploadsGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        json(StatusCode::OK, &self.uploads.get(user.key(), upload_id(&request)?).await?)
    }
}
