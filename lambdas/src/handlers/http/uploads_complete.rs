//! `POST /uploads/{id}/complete`

use http::StatusCode;

use crate::{
    uploads::{Completed, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::upload_id},
};

/// Checks what has arrived, and stores it as a photo.
pub struct UploadsComplete {
    pub auth: Auth,
    pub uploads: Uploads,
}

impl Route for UploadsComplete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Completed(upload) = self.uploads.complete(user.key(), upload_id(&request)?).await?;
        json(StatusCode::CREATED, &upload)
    }
}
