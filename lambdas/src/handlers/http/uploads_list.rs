//! `GET /uploads`

use http::StatusCode;
use serde::Serialize;

use crate::{
    uploads::{UploadView, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json},
};

/// Lists the uploads that have not ended.
pub struct UploadsList {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[derive(Serialize)]
struct Listed {
    uploads: Vec<UploadView>,
    /// Always null: a user has at most 20 open uploads.
    cursor: Option<String>,
}

impl Route for UploadsList {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let uploads = self.uploads.list(user.key()).await?;
        json(StatusCode::OK, &Listed { uploads, cursor: None })
    }
}
