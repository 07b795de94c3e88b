//! `GET /uploads`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    uploads::{UploadView, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json},
};

/// Lists the uploads that have not ended.
pub struct UploadsList {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UploadPage")]
struct Listed {
    uploads: Vec<UploadView>,
    /// Always null: a user has at most 20 open uploads.
    cursor: Option<String>,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /uploads", "uploads", "Uploads", Access::Token, "List open uploads")
            .json::<Listed>(200, "The uploads that have not ended, oldest first"),
    ]
}

impl Route for UploadsList {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let uploads = self.uploads.list(user.key()).await?;
        json(StatusCode::OK, &Listed { uploads, cursor: None })
    }
}
