//! `GET /uploads/{id}`

use http::StatusCode;

use crate::{
    uploads::Uploads,
    web::{Problem, Request, Response, Route, auth::Auth, json, path::upload_id},
};

/// Shows an upload.
pub struct UploadsGet {
    pub auth: Auth,
    pub uploads: Uploads,
}

impl Route for UploadsGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        json(StatusCode::OK, &self.uploads.get(user.key(), upload_id(&request)?).await?)
    }
}
